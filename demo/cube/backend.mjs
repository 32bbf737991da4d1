import { createRequire } from "node:module";
import { standInForNative } from "./native.mjs";

const require = createRequire(import.meta.url);

/**
 * Starts a real Cube backend with DuckDB in memory: Cube's own server, planner and queue.
 *
 * @param {object} options of `CubejsServer`, and:
 * @param {string} options.model the data model, as JavaScript.
 * @param {(driver: object) => Promise<void>} [options.fill] creates and fills the tables.
 * @param {boolean} [options.development] development mode: any token is accepted, and so is none.
 * @param {(Driver: Function) => Function} [options.extend] extends the driver's class.
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
    // Development mode would start the SQL interface, which needs the Rust binary.
    CUBEJS_PG_SQL_PORT: "false",
    NODE_ENV: development ? "development" : "production",
    CUBEJS_DEV_MODE: String(development),
  });
  // Must run before the server loads, because that copies the functions from the module.
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
