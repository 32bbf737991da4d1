import type { TokenProvider } from "../types.js";
import { type Fetch, type FetchWithTokensOptions, fetchWithTokens } from "./fetch.js";
import { httpConnection } from "./http.js";
import { TokenRequest } from "./request.js";
import { socketConnection } from "./socket/connection.js";
import { isSocketTransport } from "./socket/transport.js";
import { tokenStream } from "./stream.js";
import { type CubeTransport, type IsRejected, isRejected as isRejectedByDefault } from "./transport.js";

/**
 * How to distinguish a rejected token from other failures.
 *
 * @example
 * const options: WithTokensOptions = { isRejected: ({ status }) => status === 401 || status === 403 };
 */
export interface WithTokensOptions {
  /**
   * Whether the server's answer means that it rejected the token, for servers with their own `checkAuth` (Cube turns an
   * `Error` thrown there into a 500).
   * @default 401, and 403 unless its error is "API scope is missing: …"
   * @example
   * withTokens(transport, tokens, { isRejected: ({ status, error }) => status === 500 && error === "Token rejected" });
   */
  isRejected?: IsRejected | undefined;
}

interface Wrapping extends WithTokensOptions {
  readonly transport: CubeTransport;
  readonly tokens: TokenProvider;
  readonly signal: AbortSignal | undefined;
}

const wrappings = new WeakMap<object, Wrapping>();

/** Each wrapper has its own id. */
let lastId = 0;
const ID = "cubeTokenManager";

/** Whether it has the members of a manager that are used here. */
export const isProvider = (tokens: Partial<TokenProvider> | null | undefined): tokens is TokenProvider =>
  typeof tokens?.getToken === "function" && typeof tokens.invalidate === "function";

function checkProvider(tokens: TokenProvider, caller: string): void {
  if (!isProvider(tokens)) {
    throw new TypeError(`${caller}: the second argument must be a CubeTokenManager.`);
  }
}

/**
 * Makes every request of a Cube transport carry a valid token: each attempt of a "Continue wait" long poll, the first
 * stream of a page, and each connection of a WebSocket. A rejected token is invalidated and replaced, and the request is
 * repeated once.
 *
 * Pass the result to `new CubeApi({ apiUrl, transport })`, without a token, or use `createCubeApi`.
 *
 * A `WebSocketTransport` has one connection, and so one manager: the one that it was last wrapped for. Wrapping it for
 * another manager rejects pending requests with `ERR_CLEARED`, closes the socket, and moves earlier wrappers to the new
 * manager. Any other transport may be wrapped for several managers at once. Each wrapper then sends its own manager's token.
 *
 * @param transport Cube's `HttpTransport` or `WebSocketTransport`, or an object with the same methods.
 * @param tokens a `CubeTokenManager`.
 * @returns the wrapped transport. All other members are the transport's own.
 * @throws {TypeError} if the transport is invalid, or `tokens` is not a manager.
 *
 * @example
 * const transport = withTokens(new WebSocketTransport({ apiUrl: "wss://cube.example.com/" }), tokens);
 * const cubeApi = new CubeApi({ apiUrl: "", transport });
 */
export function withTokens<T extends CubeTransport>(
  transport: T,
  tokens: TokenProvider,
  options?: WithTokensOptions,
): T;
/**
 * Returns a `fetch` for other APIs that take Cube's token: direct REST calls, GraphQL, Cube Cloud's Chat API.
 *
 * The token is sent only to `options.url` and below its path. Other requests pass through unchanged. A request with the
 * token follows no redirects (`redirect: "error"`). A rejected token is invalidated and replaced, and the request is
 * repeated once, unless its body is a stream. The token replaces a header of the same name.
 *
 * @param fetch the `fetch` to use. Any function is treated as a `fetch`.
 * @param tokens a `CubeTokenManager`.
 * @returns a `fetch`. If there is no token, it rejects with the error of `getToken()`.
 * @throws {TypeError} if an option is invalid or unknown, or `tokens` is not a manager.
 *
 * @example
 * const cubeFetch = withTokens(fetch, tokens, { url: "/cubejs-api" });
 * const response = await cubeFetch("/cubejs-api/v1/meta");
 *
 * @see https://cube.dev/docs/product/apis-integrations/rest-api#authentication
 */
export function withTokens(
  fetch: typeof globalThis.fetch,
  tokens: TokenProvider,
  options: FetchWithTokensOptions,
): typeof globalThis.fetch;
export function withTokens(
  target: CubeTransport | Fetch,
  tokens: TokenProvider,
  options?: WithTokensOptions | FetchWithTokensOptions,
): CubeTransport | Fetch {
  if (typeof target !== "function") return wrapTransport(target, tokens, options as WithTokensOptions);
  checkProvider(tokens, "withTokens");
  return fetchWithTokens(target, tokens, options as FetchWithTokensOptions);
}

/** {@link withTokens}, with a signal for requests without their own. */
export function wrapTransport<T extends CubeTransport>(
  given: T,
  tokens: TokenProvider,
  { isRejected = isRejectedByDefault, signal }: WithTokensOptions & { signal?: AbortSignal | undefined } = {},
  caller = "withTokens",
): T {
  if (typeof given?.request !== "function") {
    throw new TypeError(
      `${caller}: the transport has no request(). Pass an HttpTransport or a WebSocketTransport.`,
    );
  }
  checkProvider(tokens, caller);
  if (typeof isRejected !== "function") throw new TypeError(`${caller}: isRejected must be a function.`);

  // A transport that is wrapped twice would request two tokens after one rejection.
  const known = wrappings.get(given);
  const transport: CubeTransport = known?.transport ?? given;
  const connect = isSocketTransport(transport) ? socketConnection : httpConnection;
  const connection = connect(transport as never, tokens, isRejected);
  if (known?.tokens === tokens && known.isRejected === isRejected && known.signal === signal) return given;

  // biome-ignore lint/suspicious/noExplicitAny: Cube types the parameters as any object.
  const withSignal = (params: any) => ({ ...params, signal: params?.signal ?? signal });
  const own: CubeTransport & { [ID]: number } = {
    [ID]: ++lastId,
    request: (method, params) => new TokenRequest(transport, connection, method, withSignal(params)),
  };
  if (transport.requestStream) {
    own.requestStream = (method, params) => tokenStream(transport, connection, method, withSignal(params));
  }
  // useCubeQuery of @cubejs-client/react compares clients deeply and loads again if they differ. With an id each differs, as
  // it must after a sign-in.
  const proxy = new Proxy(transport, {
    get: (target, name) =>
      Object.hasOwn(own, name) ? own[name as keyof CubeTransport] : Reflect.get(target, name, target),
    has: (target, name) => name === ID || name in target,
    ownKeys: (target) => [...Reflect.ownKeys(target), ID],
    getOwnPropertyDescriptor: (target, name) =>
      Reflect.getOwnPropertyDescriptor(name === ID ? own : target, name),
    // Ignored: Cube's client sets the token from its own provider, but only the manager's token counts.
    set: (target, name, value) => name === "authorization" || Reflect.set(target, name, value, target),
  });
  wrappings.set(proxy, { transport, tokens, isRejected, signal });
  return proxy as CubeTransport & T;
}
