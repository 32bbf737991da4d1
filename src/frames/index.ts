/**
 * Tokens for an embedded page from the page that embeds it, by `postMessage`.
 *
 * @module cube-token-manager/frames
 */

export type { CubeTokenError, CubeTokenErrorCode, CubeTokenErrorOptions } from "../errors.js";
export type { FetchTokenResult, SourceContext } from "../source/source.js";
export type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "../types.js";
export { type ParentTokens, type ParentTokensOptions, parentTokens } from "./parent-tokens.js";
export { type ServeFramesOptions, serveFrames } from "./serve-frames.js";
