/**
 * A manager in a worker, which asks Cube itself: the page's scripts get rows and cannot read the token. Needs
 * `@cubejs-client/core`.
 *
 * @module cube-token-manager/isolated
 */

export type { CubeWorker } from "./attach.js";
export {
  createIsolatedCubeApi,
  type IsolatedCubeApiOptions,
  type IsolatedTokens,
  isolatedTokens,
} from "./page.js";
export type { Port } from "./port.js";
export { type ServeCubeOptions, type ServeCubeTransportOptions, serveCube } from "./serve.js";
