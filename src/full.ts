/** The script-tag file with everything: this package and Cube's own client. */
export { CubeApi, default as cube, HttpTransport } from "@cubejs-client/core";
export { createCubeApi } from "./cube/index.js";
export * from "./index.js";
