/** The server of `scenario.mjs`: tokens of five seconds, and a Cube whose query takes seven, checking each attempt's token. */
import { once } from "node:events";
import { createServer } from "node:http";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
let serial = 0;

const sign = (sub) => {
  const iat = Math.floor(Date.now() / 1000);
  return `${encode({ alg: "HS256" })}.${encode({ sub, iat, exp: iat + 5, n: serial++ })}.${"s".repeat(43)}`;
};

export async function startServer() {
  const runs = new Map();
  const stateOf = (run) => {
    if (!runs.has(run)) runs.set(run, { tokens: {}, dead: 0, refused: 0 });
    return runs.get(run);
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://server");
    const state = stateOf(searchParams.get("run"));
    const answer = (status, body) => {
      response.writeHead(status, {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "*",
      });
      response.end(JSON.stringify(body));
    };
    if (request.method === "OPTIONS") return answer(200, {});
    if (pathname === "/never") return;
    if (pathname === "/statistics") return answer(200, state);
    if (pathname === "/token") {
      const user = searchParams.get("user");
      state.tokens[user] = (state.tokens[user] ?? 0) + 1;
      return answer(200, { token: sign(user) });
    }
    if (pathname === "/meta" && request.headers.authorization) return answer(200, {});
    if (pathname === "/moved") {
      response.writeHead(302, { "Access-Control-Allow-Origin": "*", Location: "/statistics" });
      return response.end();
    }
    if (pathname !== "/load") return answer(401, {});
    let claims;
    try {
      claims = JSON.parse(Buffer.from(request.headers.authorization.split(".")[1], "base64url"));
    } catch {
      return answer(403, { error: "Invalid token" });
    }
    if (claims.exp * 1000 <= Date.now()) {
      state.dead++;
      return answer(403, { error: "Invalid token" });
    }
    // One of Cube's nodes has another secret, once.
    if (!state.refused) {
      state.refused++;
      return answer(403, { error: "Invalid token" });
    }
    state.startedAt ??= Date.now();
    if (Date.now() - state.startedAt >= 7000) return answer(200, { data: [{}] });
    setTimeout(answer, 500, 200, { error: "Continue wait" });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
