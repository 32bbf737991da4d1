/**
 * The manager, its storages, and `withTokens`, which puts a valid token into Cube's requests.
 *
 * @module cube-token-manager
 */

export type { FetchWithTokensOptions } from "./cube/fetch.js";
export type { CubeAnswer, CubeRequest, CubeStream, CubeTransport, IsRejected } from "./cube/transport.js";
export { type WithTokensOptions, withTokens } from "./cube/with-tokens.js";
export {
  CubeTokenError,
  type CubeTokenErrorCode,
  type CubeTokenErrorOptions,
  isCubeTokenError,
} from "./errors.js";
export { CubeTokenManager } from "./manager.js";
export type {
  CommonOptions,
  CubeTokenManagerOptions,
  EndpointOptions,
  FetchTokenOptions,
} from "./options.js";
export type { FetchTokenResult, RequestOption, SourceContext } from "./source/source.js";
export { embeddedToken, type TokenFromCookiesOptions, tokenFromCookies } from "./ssr.js";
export { type CookieStorageOptions, cookieStorage } from "./storage/cookie.js";
export { type CustomStorage, type CustomStorageOptions, customStorage } from "./storage/custom.js";
export { type IndexedDBStorageOptions, indexedDBStorage } from "./storage/indexeddb.js";
export { memoryStorage } from "./storage/memory.js";
export type { MaybePromise, TokenStorage } from "./storage/storage.js";
export { webStorage } from "./storage/web.js";
export type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "./types.js";
