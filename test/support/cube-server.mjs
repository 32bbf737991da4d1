import { createRequire } from "node:module";
import { startBackend } from "../../demo/cube/backend.mjs";

/**
 * Real Cube backends for the tests of one file, in a process that ends with its parent. Each is requested with a port and
 * options of `CubejsServer`; `checkAuth` and `scopes` are named, as a message cannot contain functions. Sends the parent
 * the security context of every query.
 */
const require = createRequire(new URL("../../demo/package.json", import.meta.url));

const checks = {
  // An opaque token that a custom service knows.
  opaque(req, token) {
    if (token !== "letmein") {
      const { CubejsHandlerError } = require("@cubejs-backend/api-gateway");
      throw new CubejsHandlerError(401, "Unauthorized", "No such token");
    }
    req.securityContext = { user: "opaque" };
  },
  // An Error becomes a 500.
  throws(req, token) {
    const { exp, ...claims } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    if (claims.bad || exp * 1000 < Date.now()) throw new Error("Signature is wrong");
    req.securityContext = claims;
  },
};

/** Delays a query that asks for it: a value "slow-3000-…" takes three seconds. */
const extend = (Driver) =>
  class extends Driver {
    async query(sql, values) {
      const [, delay] = /slow-(\d+)/.exec(JSON.stringify(values ?? "")) ?? [];
      if (delay) await new Promise((go) => setTimeout(go, Number(delay)));
      return super.query(sql, values);
    }
  };

const start = (port, { checkAuth, scopes, ...config }) => {
  process.env.PORT = port;
  return startBackend({
    model: `
    cube("Things", {
      sql: "SELECT 1 AS id, 'a' AS name UNION ALL SELECT 2, 'b'",
      measures: { count: { type: "count" }, total: { sql: "id", type: "sum" } },
      dimensions: {
        id: { sql: "id", type: "number", primary_key: true },
        name: { sql: "name", type: "string" },
        // The token as the model sees it.
        context: { sql: \`'\${JSON.stringify(SECURITY_CONTEXT.unsafeValue()).replaceAll("'", "''")}'\`, type: "string" },
      },
      refresh_key: { every: "1 hour" },
    });
  `,
    extend,
    webSockets: true,
    processSubscriptionsInterval: 500,
    orchestratorOptions: { continueWaitTimeout: 1 },
    queryRewrite(query, { securityContext }) {
      process.send({ port, securityContext });
      return query;
    },
    ...(checkAuth && { checkAuth: async (req, token) => checks[checkAuth](req, token) }),
    ...(scopes && { contextToApiScopes: async () => scopes }),
    ...config,
  });
};

let last = Promise.resolve();
process.on("message", ({ port, config }) => {
  // One after another, as the port is in the environment. A failure ends them all, which the parent notices.
  last = last.then(() => start(port, config)).then(() => process.send({ port, ready: true }));
});
process.on("disconnect", () => process.exit(0));
