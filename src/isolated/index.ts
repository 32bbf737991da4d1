/**
 * A manager in a worker that also queries Cube: scripts in the page get rows, and cannot read the token. Needs
 * `@cubejs-client/core`.
 *
 * @module cube-token-manager/isolated
 */

export type { CubeAnswer, CubeRequest, CubeStream, CubeTransport, IsRejected } from "../cube/transport.js";
export type { WithTokensOptions } from "../cube/with-tokens.js";
export type { CubeTokenError, CubeTokenErrorCode, CubeTokenErrorOptions } from "../errors.js";
export type {
  CommonOptions,
  CubeTokenManagerOptions,
  EndpointOptions,
  FetchTokenOptions,
} from "../options.js";
export type { FetchTokenResult, RequestOption, SourceContext } from "../source/source.js";
export type { TokenStorage } from "../storage/storage.js";
export type { TokenEvent, TokenSnapshot } from "../types.js";
export type { CubeWorker } from "./attach.js";
export {
  createIsolatedCubeApi,
  type IsolatedCubeApiOptions,
  type IsolatedTokens,
  isolatedTokens,
} from "./page.js";
export type { Port } from "./port.js";
export { type ServeCubeOptions, type ServeCubeTransportOptions, serveCube } from "./serve.js";
