import type { TokenProvider } from "../types.js";
import { httpLine } from "./http.js";
import { TokenRequest } from "./request.js";
import { SocketLine } from "./socket/line.js";
import { isSocketTransport } from "./socket/transport.js";
import { tokenStream } from "./stream.js";
import { type CubeTransport, type IsRejected, isRejected as isRejectedByDefault } from "./transport.js";

export interface WithTokensOptions {
  /**
   * Whether the server's answer says that it refused the token, for servers with a `checkAuth` of their own (an `Error`
   * thrown there becomes a 500).
   * @default 401, and 403 unless its error is "API scope is missing: …"
   */
  isRejected?: IsRejected | undefined;
}

const wrapped = new WeakSet<object>();

/**
 * Makes every request of a Cube transport carry a valid token: each attempt of a "Continue wait" long poll, the first
 * stream of a page, and each connection of a WebSocket. A refused token is invalidated and replaced, and the request
 * repeated once.
 *
 * Pass the result to `new CubeApi({ apiUrl, transport })`, without a token or a provider, or take `createCubeApi`.
 *
 * @param transport Cube's `HttpTransport` or `WebSocketTransport`, or any object like them.
 * @param tokens a `CubeTokenManager`.
 * @returns the transport, wrapped: what is not mentioned here is the transport's own.
 * @throws {TypeError} on a transport that is none, and on anything but a manager.
 */
export const withTokens = <T extends CubeTransport>(
  transport: T,
  tokens: TokenProvider,
  options?: WithTokensOptions,
): T => wrapTransport(transport, tokens, options);

/** {@link withTokens}, with a signal for the requests that have none of their own. */
export function wrapTransport<T extends CubeTransport>(
  transport: T,
  tokens: TokenProvider,
  { isRejected = isRejectedByDefault, signal }: WithTokensOptions & { signal?: AbortSignal | undefined } = {},
): T {
  if (typeof transport?.request !== "function") {
    throw new TypeError(
      "withTokens: the transport has no request(). Pass an HttpTransport or a WebSocketTransport.",
    );
  }
  if (typeof tokens?.getToken !== "function" || typeof tokens.invalidate !== "function") {
    throw new TypeError("withTokens: the second argument must be a CubeTokenManager.");
  }
  if (typeof isRejected !== "function") throw new TypeError("withTokens: isRejected must be a function.");
  // Twice would ask for two tokens where one is refused.
  if (wrapped.has(transport)) return transport;

  const line = isSocketTransport(transport)
    ? new SocketLine(transport, tokens, isRejected)
    : httpLine(transport, tokens);
  // biome-ignore lint/suspicious/noExplicitAny: Cube types the parameters as any object.
  const withSignal = (params: any) => ({ ...params, signal: params?.signal ?? signal });
  const own: CubeTransport = {
    request: (method, params) =>
      new TokenRequest(transport, tokens, line, isRejected, method, withSignal(params)),
  };
  if (transport.requestStream) {
    own.requestStream = (method, params) =>
      tokenStream(transport, tokens, line, isRejected, method, withSignal(params));
  }
  const proxy = new Proxy(transport, {
    get: (target, name) =>
      Object.hasOwn(own, name) ? own[name as keyof CubeTransport] : Reflect.get(target, name, target),
    // Cube's client sets the token that it got from its own provider: here the manager's is the one.
    set: (target, name, value) => name === "authorization" || Reflect.set(target, name, value, target),
  });
  wrapped.add(proxy);
  return proxy;
}
