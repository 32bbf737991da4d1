import type { TokenProvider } from "../types.js";
import { type Fetch, type FetchWithTokensOptions, fetchWithTokens } from "./fetch.js";
import { httpConnection } from "./http.js";
import { TokenRequest } from "./request.js";
import { socketConnection } from "./socket/connection.js";
import { isSocketTransport } from "./socket/transport.js";
import { tokenStream } from "./stream.js";
import { type CubeTransport, type IsRejected, isRejected as isRejectedByDefault } from "./transport.js";

/**
 * How to tell a rejected token from other failures.
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

/** Of each wrapping its own. */
let lastId = 0;
const ID = "cubeTokenManager";

/** Whether it has what is needed of a manager. */
export const isProvider = (tokens: Partial<TokenProvider> | null | undefined): tokens is TokenProvider =>
  typeof tokens?.getToken === "function" && typeof tokens.invalidate === "function";

function checkProvider(tokens: TokenProvider, caller: string): void {
  if (!isProvider(tokens)) {
    throw new TypeError(`${caller}: the second argument must be a CubeTokenManager.`);
  }
}

/**
 * Makes every request of a Cube transport carry a valid token: each attempt of a "Continue wait" long poll, the first
 * stream of a page, and each connection of a WebSocket. A refused token is invalidated and replaced, and the request
 * repeated once.
 *
 * Pass the result to `new CubeApi({ apiUrl, transport })`, without a token, or use `createCubeApi`.
 *
 * A `WebSocketTransport` has one connection, and so one manager: the one that it was wrapped for last. Wrapping it for
 * another manager rejects pending requests with `ERR_CLEARED`, closes the socket, and moves earlier wrappers to the new
 * manager. Any other transport may be wrapped for several managers at once, and each wrapper sends its own manager's token.
 *
 * @param transport Cube's `HttpTransport` or `WebSocketTransport`, or any object like them.
 * @param tokens a `CubeTokenManager`.
 * @returns the wrapped transport. All other members are the transport's own.
 * @throws {TypeError} on an invalid transport, and on anything but a manager.
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
 * A `fetch` for everything else that takes Cube's token: REST by hand, GraphQL, Cube Cloud's Chat API.
 *
 * The token goes to `options.url` and below its path, and nowhere else: other requests pass through unchanged, and one
 * that carries it follows no redirect (`redirect: "error"`). A rejected token is invalidated and replaced, and the
 * request repeated once, unless its body is a stream. The token replaces any header of yours by the same name.
 *
 * @param fetch the `fetch` to use; any function is treated as one.
 * @param tokens a `CubeTokenManager`.
 * @returns a `fetch`. If no token can be had, it rejects with the error of `getToken()`.
 * @throws {TypeError} on a wrong or unknown option, and on anything but a manager.
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

/** {@link withTokens}, with a signal for the requests that have none of their own. */
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

  // Wrapped twice it would ask for two tokens where one is refused.
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
  // useCubeQuery of @cubejs-client/react loads again where the client differs deeply: each does, as after a sign-in it must.
  const proxy = new Proxy(transport, {
    get: (target, name) =>
      Object.hasOwn(own, name) ? own[name as keyof CubeTransport] : Reflect.get(target, name, target),
    has: (target, name) => name === ID || name in target,
    ownKeys: (target) => [...Reflect.ownKeys(target), ID],
    getOwnPropertyDescriptor: (target, name) =>
      Reflect.getOwnPropertyDescriptor(name === ID ? own : target, name),
    // Cube's client sets the token that it got from its own provider: here the manager's is the one.
    set: (target, name, value) => name === "authorization" || Reflect.set(target, name, value, target),
  });
  wrappings.set(proxy, { transport, tokens, isRejected, signal });
  return proxy as CubeTransport & T;
}
