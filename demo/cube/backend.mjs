import { createRequire } from "node:module";
import { standInForNative } from "./native.mjs";

const require = createRequire(import.meta.url);

/**
 * A real Cube backend over DuckDB in memory: Cube's own server, planner and queue.
 *
 * @param {object} options of `CubejsServer`, and:
 * @param {string} options.model the data model, as JavaScript.
 * @param {(driver: object) => Promise<void>} [options.fill] creates and fills the tables.
 * @param {boolean} [options.development] development mode: any token is good, and none.
 * @param {(Driver: Function) => Function} [options.extend] makes the driver's class into another.
 * @returns the port that it listens on: `PORT` of the environment.
 */
export async function startBackend({
  model,
  fill,
  development = false,
  extend = (Driver) => Driver,
  ...options
}) {
  Object.assign(process.env, {
    CUBEJS_DB_TYPE: "duckdb",
    CUBEJS_TESSERACT_SQL_PLANNER: "false",
    CUBEJS_CACHE_AND_QUEUE_DRIVER: "memory",
    CUBEJS_EXTERNAL_DEFAULT: "false",
    CUBEJS_SCHEDULED_REFRESH_TIMER: "false",
    CUBEJS_TELEMETRY: "false",
    // Development mode would start the SQL interface, which is in the Rust binary.
    CUBEJS_PG_SQL_PORT: "false",
    NODE_ENV: development ? "development" : "production",
    CUBEJS_DEV_MODE: String(development),
  });
  // Before the server is loaded: it takes the functions off the module.
  standInForNative();
  const { CubejsServer } = require("@cubejs-backend/server");
  const Driver = extend(require("@cubejs-backend/duckdb-driver").DuckDBDriver);
  const driver = new Driver({});
  await fill?.(driver);
  const server = new CubejsServer({
    driverFactory: () => driver,
    repositoryFactory: () => ({
      localPath: () => "model",
      dataSchemaFiles: async () => [{ fileName: "model.js", content: model }],
    }),
    telemetry: false,
    logger() {},
    ...options,
  });
  const { port } = await server.listen();
  return Number(port);
}
