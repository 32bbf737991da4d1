/**
 * A token for an embedded page, from the page around it, by `postMessage`.
 *
 * @module cube-token-manager/frames
 */

export { type ParentTokens, type ParentTokensOptions, parentTokens } from "./parent-tokens.js";
export { type ServeFramesOptions, serveFrames } from "./serve-frames.js";
