/**
 * Cube's own client with a manager around its transport. Needs `@cubejs-client/core`.
 *
 * @module cube-token-manager/cube
 */

import { CubeApi, type CubeApiOptions, HttpTransport } from "@cubejs-client/core";
import type { TokenProvider } from "../types.js";
import { isProvider, type WithTokensOptions, wrapTransport } from "./with-tokens.js";

const CALL = 'createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" })';

export type { CubeTokenError, CubeTokenErrorCode, CubeTokenErrorOptions } from "../errors.js";
export type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "../types.js";
export type { CubeAnswer, IsRejected } from "./transport.js";
export type { WithTokensOptions } from "./with-tokens.js";

/**
 * Creates Cube's own client, with a valid token in every request: `withTokens` around its `HttpTransport`, or around
 * `options.transport`.
 *
 * @typeParam Api `CubeApi` as the receiver types it, for a package that brings its own copy of `@cubejs-client/core`.
 * TypeScript infers it from where the result is used.
 * @param tokens a `CubeTokenManager`.
 * @param options all of Cube's `CubeApiOptions`, and `isRejected` of `withTokens`.
 * @throws {TypeError} if `tokens` is not a manager, if `apiUrl` and `transport` are missing, if the transport is invalid,
 * or if `headers` contains `Authorization` or `X-Cube-Authorization`.
 *
 * @example
 * const cubeApi = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
 */
export function createCubeApi<Api = CubeApi>(
  tokens: TokenProvider,
  options: CubeApiOptions & WithTokensOptions,
): Api;
// For `ReturnType`, which uses the last overload.
export function createCubeApi(tokens: TokenProvider, options: CubeApiOptions & WithTokensOptions): CubeApi;
export function createCubeApi(tokens: TokenProvider, options: CubeApiOptions & WithTokensOptions): CubeApi {
  if (!isProvider(tokens)) {
    throw new TypeError(`createCubeApi: the first argument must be the CubeTokenManager itself: ${CALL}.`);
  }
  if (!options?.apiUrl && !options?.transport)
    throw new TypeError(`createCubeApi: apiUrl is missing: ${CALL}.`);
  const { isRejected, ...own } = options;
  const { apiUrl, method, headers = {}, credentials, fetchTimeout, signal } = own;
  // In Cube's client such a header silently overrides the token.
  const fixed = Object.keys(headers).find((name) => /^(x-cube-)?authorization$/i.test(name));
  if (fixed && !own.transport) {
    throw new TypeError(`createCubeApi: the header "${fixed}" would override the token. Remove it.`);
  }
  const transport =
    own.transport ??
    new HttpTransport({
      apiUrl,
      headers: { ...headers },
      ...(method && { method }),
      ...(credentials && { credentials }),
      ...(fetchTimeout && { fetchTimeout }),
    });
  // The signal is passed with each request instead of to the transport, so that it also ends the wait for a token.
  const wrapped = wrapTransport(transport, tokens, { isRejected, signal }, "createCubeApi");
  return new CubeApi({ ...own, transport: wrapped });
}
