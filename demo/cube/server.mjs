import { createRequire } from "node:module";
import { model } from "./model.mjs";
import { standInForNative } from "./native.mjs";
import { makeOrders } from "./orders.mjs";

/**
 * A real Cube backend over DuckDB in memory, in a process of its own: `node cube/server.mjs`.
 * Takes `PORT` and `CUBEJS_API_SECRET`; says `{ "ready": port }` to its parent once it listens.
 */
Object.assign(process.env, {
  CUBEJS_DB_TYPE: "duckdb",
  CUBEJS_TESSERACT_SQL_PLANNER: "false",
  CUBEJS_CACHE_AND_QUEUE_DRIVER: "memory",
  CUBEJS_EXTERNAL_DEFAULT: "false",
  CUBEJS_SCHEDULED_REFRESH_TIMER: "false",
  CUBEJS_TELEMETRY: "false",
  // Development mode accepts any token.
  NODE_ENV: "production",
});

// Before the server is loaded: it takes the functions off the module.
standInForNative();
const require = createRequire(import.meta.url);
const { CubejsServer } = require("@cubejs-backend/server");
const { DuckDBDriver } = require("@cubejs-backend/duckdb-driver");

const text = (value) => `'${String(value).replaceAll("'", "''")}'`;

async function makeDriver() {
  const driver = new DuckDBDriver({});
  await driver.query(
    "CREATE TABLE orders (id INTEGER, company VARCHAR, status VARCHAR, amount DECIMAL(10, 2), created_at TIMESTAMP)",
    [],
  );
  const rows = makeOrders().map(
    ({ id, company, status, amount, createdAt }) =>
      `(${id}, ${text(company)}, ${text(status)}, ${amount}, ${text(createdAt)})`,
  );
  for (let at = 0; at < rows.length; at += 1000) {
    await driver.query(`INSERT INTO orders VALUES ${rows.slice(at, at + 1000).join(",")}`, []);
  }
  return driver;
}

const driver = await makeDriver();

const server = new CubejsServer({
  apiSecret: process.env.CUBEJS_API_SECRET,
  driverFactory: () => driver,
  repositoryFactory: () => ({
    localPath: () => "model",
    dataSchemaFiles: async () => [{ fileName: "orders.js", content: model }],
  }),
  // Each user sees the rows of their own company, and a token without one sees none.
  queryRewrite: (query, { securityContext }) => ({
    ...query,
    filters: [
      ...(query.filters ?? []),
      { member: "Orders.company", operator: "equals", values: [securityContext?.company ?? ""] },
    ],
  }),
  telemetry: false,
  logger() {},
});

const { port } = await server.listen();
process.send?.({ ready: Number(port) });
process.on("disconnect", () => process.exit(0));
