import { CONNECT } from "./core/symbols.js";
import type { FetchTokenResult, RequestOption, SourceContext } from "./source/source.js";
import type { TokenStorage } from "./storage/storage.js";

/** What both kinds of manager take. All durations are milliseconds. */
export interface CommonOptions {
  /**
   * A token that the server put into the page. It saves the first request, and is used while it is valid.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", initialToken: embeddedToken() });
   */
  initialToken?: string | undefined;
  /**
   * Where the token survives a reload. A stored token outlives the user's session, so keeping one is your decision: set
   * `identity`, and call `clear()` on sign-out.
   * @default memoryStorage()
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: webStorage("session"), identity: user.id });
   */
  storage?: TokenStorage | undefined;
  /**
   * Name of the entry in that storage. Required with `fetchToken` and any storage but `memoryStorage()`.
   * @default "cube.token:" + the endpoint: its path on the page's own origin, else the whole URL; a query as a short hash
   */
  storageKey?: string | undefined;
  /**
   * The signed-in user. A stored token of another identity is never used, and is erased. Distinguish tenants that are
   * open side by side by `storageKey` or endpoint, never by `identity`.
   */
  identity?: string | undefined;
  /** A background refresh starts this long before expiry, in ms; at most half of the lifetime. @default 60_000 */
  refreshBefore?: number | undefined;
  /** A token with less time left than this, in ms, is not handed out; at most a quarter of the lifetime. @default 10_000 */
  minValidity?: number | undefined;
  /**
   * Share of the lifetime, 0 to 1, over which clients spread their refreshes: only ever earlier, drawn once per token.
   * The first token, and the first after a failure, is spread over twice that, which desynchronizes clients that were
   * started at the same moment.
   * @default 0.2
   */
  refreshJitter?: number | undefined;
  /** Time limit for one attempt to get a token, in ms. @default 10_000 */
  requestTimeout?: number | undefined;
  /** Refreshes on a timer and when the page wakes up; with `false` only `getToken()` refreshes. @default true */
  autoRefresh?: boolean | undefined;
  /** Attempts after the first while a caller waits, with exponential backoff and full jitter. @default 3 */
  retries?: number | undefined;
  /** In a browser, with a storage that tabs share: one refresh for all tabs, and one sign-out. @default true */
  crossTab?: boolean | undefined;
}

/** Options of a manager that gets its tokens from your own endpoint. */
export interface EndpointOptions extends CommonOptions {
  /**
   * Where a GET returns the token: JSON `{ token }`, `{ access_token, expires_in }`, `{ accessToken, expiresIn }` or
   * `{ cubeApiToken }`, a JSON string, or the bare token as text/plain. A server needs the whole URL.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token" });
   */
  endpoint: string | URL;
  /**
   * Method, headers, credentials and body of the request; a `signal` in it is ignored. A function is called for each
   * attempt.
   *
   * With headers or a body of your own, `redirect` is `"error"` by default, because both would follow a redirect.
   * Same-origin requests carry `X-Requested-With: XMLHttpRequest`, unless you set it.
   * @default { credentials: "same-origin", cache: "no-store", redirect: "follow", headers: { Accept: "application/json" } }
   * @example
   * new CubeTokenManager({ endpoint: "https://api.example.com/cube-token", request: { credentials: "include" } });
   */
  request?: RequestOption | undefined;
  /** Used instead of `globalThis.fetch`, which is otherwise looked up at each request. */
  fetch?: typeof globalThis.fetch | undefined;
  fetchToken?: undefined;
}

/** Options of a manager that gets its tokens in another way: from an identity provider's SDK, a native bridge. */
export interface FetchTokenOptions extends CommonOptions {
  /**
   * Returns a token; `""` if none is needed (Cube's development mode); `null` or `undefined` if the user is signed out.
   *
   * After `requestTimeout` its `signal` is aborted. A call that continues nevertheless is not made twice: the next attempt
   * waits for it, for 60 s or 6 × `requestTimeout` from its start, whichever is longer. A rejection is `ERR_SOURCE` and
   * retried, unless it is a `CubeTokenError`, or its `error` or `errorCode` says that the session is over
   * (`login_required`, `interaction_required`, `consent_required`, `invalid_grant`: `ERR_UNAUTHENTICATED`).
   * @example
   * new CubeTokenManager({ fetchToken: () => auth0.getTokenSilently({ cacheMode: "off" }) });
   */
  fetchToken: (context: SourceContext) => Promise<FetchTokenResult>;
  endpoint?: undefined;
  request?: undefined;
  fetch?: undefined;
}

/**
 * Exactly one of `endpoint` and `fetchToken`. All durations are milliseconds.
 *
 * @example
 * const options: CubeTokenManagerOptions = { endpoint: "/auth/cubejs-token", identity: user.id, retries: 1 };
 */
export type CubeTokenManagerOptions = EndpointOptions | FetchTokenOptions;

/** @public Also for `bench/fleet`. */
export const DEFAULTS = {
  refreshBefore: 60_000,
  minValidity: 10_000,
  refreshJitter: 0.2,
  requestTimeout: 10_000,
  autoRefresh: true,
  retries: 3,
  crossTab: true,
};

/** What an option may be, and the words for it. */
type Rule = readonly [check: (value: never) => boolean, expected: string];

/** Of anything beyond, `Infinity` among it, no clock and no timer makes sense. */
const isNumber = (value: unknown): value is number =>
  typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
const ofType = (type: string): Rule =>
  type === "number"
    ? [isNumber, "a finite number, 0 or more"]
    : [(value) => typeof value === type, `a ${type}`];
const isFunction = ofType("function");
const isString = ofType("string");

const RULES: Record<string, Rule> = {
  endpoint: [
    (value) => (typeof value === "string" && value !== "") || (value as object) instanceof URL,
    "a URL",
  ],
  fetchToken: isFunction,
  request: [(value) => /object|function/.test(typeof value), "a RequestInit or a function"],
  fetch: isFunction,
  initialToken: isString,
  storage: [
    (value) => typeof value[CONNECT] === "function",
    "made with a function: storage: customStorage(yours), for localStorage storage: webStorage()",
  ],
  storageKey: [(value) => typeof value === "string" && value !== "", "a string, and not empty"],
  identity: [isString[0], "a string, for example String(user.id)"],
  // The others are what their defaults are.
  ...Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, ofType(typeof value)])),
  refreshJitter: [(value) => isNumber(value) && value <= 1, "a number from 0 to 1"],
  retries: [(value) => isNumber(value) && Number.isInteger(value), "a whole number, 0 or more"],
};

export type ResolvedOptions = CubeTokenManagerOptions & typeof DEFAULTS;

/** @throws {TypeError} on none or both of the sources, on an unknown option, and on a value of the wrong kind. */
export function resolveOptions(options: CubeTokenManagerOptions): ResolvedOptions {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(typeof options === "object" ? (options ?? {}) : {})) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(RULES, name) && RULES[name];
    if (!rule) {
      throw new TypeError(`Unknown option "${name}". There are ${Object.keys(RULES).join(", ")}.`);
    }
    if (value === null || !rule[0](value as never))
      throw new TypeError(`Option "${name}" must be ${rule[1]}.`);
    given[name] = value;
  }
  const resolved = { ...DEFAULTS, ...given } as ResolvedOptions;
  if (!resolved.endpoint === !resolved.fetchToken) {
    throw new TypeError('Give exactly one of "endpoint" and "fetchToken": { endpoint: "/token" }.');
  }
  return resolved;
}
