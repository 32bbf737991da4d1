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
 * @typeParam Api `CubeApi` as the receiver knows it, for a package that brings another copy of `@cubejs-client/core`:
 * TypeScript takes it from where the result goes. The copies differ in name only.
 * @param tokens a `CubeTokenManager`.
 * @param options all of Cube's `CubeApiOptions`, and `isRejected` of `withTokens`.
 * @throws {TypeError} on anything but a manager, without an `apiUrl` or a transport, on an invalid transport, and on an
 * `Authorization` header of your own.
 *
 * @example
 * const cubeApi = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
 */
export function createCubeApi<Api = CubeApi>(
  tokens: TokenProvider,
  options: CubeApiOptions & WithTokensOptions,
): Api;
// What `ReturnType` takes.
export function createCubeApi(tokens: TokenProvider, options: CubeApiOptions & WithTokensOptions): CubeApi;
export function createCubeApi(tokens: TokenProvider, options: CubeApiOptions & WithTokensOptions): CubeApi {
  if (!isProvider(tokens)) {
    throw new TypeError(`createCubeApi: the first argument must be the CubeTokenManager itself: ${CALL}.`);
  }
  if (!options?.apiUrl && !options?.transport)
    throw new TypeError(`createCubeApi: apiUrl is missing: ${CALL}.`);
  const { isRejected, ...own } = options;
  const { apiUrl, method, headers = {}, credentials, fetchTimeout, signal } = own;
  // Cube's client lets it win over the token without a word.
  const fixed = Object.keys(headers).find((name) => /^(x-cube-)?authorization$/i.test(name));
  if (fixed && !own.transport) {
    throw new TypeError(
      `createCubeApi: the header "${fixed}" would take the place of the token. Leave it out.`,
    );
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
  // The signal goes with each request instead of with the transport, so that it ends the wait for a token too.
  const wrapped = wrapTransport(transport, tokens, { isRejected, signal }, "createCubeApi");
  return new CubeApi({ ...own, transport: wrapped });
}
