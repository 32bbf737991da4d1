const { createServer } = require("node:http");

/** A server with a token and an empty Cube. */
exports.serveOnce = () =>
  new Promise((resolve) => {
    const server = createServer(({ url, headers }, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", "*");
      response.setHeader("Content-Type", "application/json");
      if (url.startsWith("/token")) return response.end('{"token":"opaque"}');
      response.statusCode = headers.authorization === "opaque" ? 200 : 403;
      response.end('{"cubes":[]}');
    }).listen(0, "127.0.0.1", () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        close() {
          server.closeAllConnections();
          server.close();
        },
      }),
    );
  });
