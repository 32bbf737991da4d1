import type { CommonOptions } from "./common-options.js";
import { CONNECT } from "./core/symbols.js";
import type { FetchTokenResult, RequestOption, SourceContext } from "./source/source.js";

export type { CommonOptions } from "./common-options.js";

/**
 * Options of a manager that gets its tokens from your own endpoint.
 *
 * @example
 * const options: EndpointOptions = { endpoint: "/auth/cubejs-token", request: { credentials: "include" } };
 */
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
  /**
   * Used instead of `globalThis.fetch`, which is otherwise looked up at each request.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", fetch: instrumentedFetch });
   */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * An alternative to `endpoint`; only one of them is allowed.
   * @example
   * new CubeTokenManager({ fetchToken: ({ signal }) => bridge.readToken(signal) });
   */
  fetchToken?: undefined;
}

/**
 * Options of a manager that gets its tokens in another way, such as an identity provider's SDK or a native bridge.
 *
 * @example
 * const options: FetchTokenOptions = { fetchToken: ({ signal }) => bridge.readToken(signal), requestTimeout: 5_000 };
 */
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
  /**
   * An alternative to `fetchToken`; only one of them is allowed.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token" });
   */
  endpoint?: undefined;
  /**
   * Only with `endpoint`: `fetchToken` sends its own request.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", request: { method: "POST" } });
   */
  request?: undefined;
  /**
   * Only with `endpoint`: `fetchToken` sends its own request.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", fetch: instrumentedFetch });
   */
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

/** The check for an option's value, and its description for the error. */
type Rule = readonly [check: (value: never) => boolean, expected: string];

/** Clocks and timers cannot handle larger numbers, `Infinity` included. */
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
    "created by a factory: storage: customStorage(yours), or storage: webStorage() for localStorage",
  ],
  storageKey: [(value) => typeof value === "string" && value !== "", "a non-empty string"],
  identity: [isString[0], "a string, for example String(user.id)"],
  // The other options have the type of their default.
  ...Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, ofType(typeof value)])),
  refreshJitter: [(value) => isNumber(value) && value <= 1, "a number from 0 to 1"],
  retries: [(value) => isNumber(value) && Number.isInteger(value), "a whole number, 0 or more"],
};

export type ResolvedOptions = CubeTokenManagerOptions & typeof DEFAULTS;

/** @throws {TypeError} unless exactly one source is given, on an unknown option, and on a value of the wrong type. */
export function resolveOptions(options: CubeTokenManagerOptions): ResolvedOptions {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(typeof options === "object" ? (options ?? {}) : {})) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(RULES, name) && RULES[name];
    if (!rule) {
      throw new TypeError(`Unknown option "${name}". Valid: ${Object.keys(RULES).join(", ")}.`);
    }
    if (value === null || !rule[0](value as never))
      throw new TypeError(`Option "${name}" must be ${rule[1]}.`);
    given[name] = value;
  }
  const resolved = { ...DEFAULTS, ...given } as ResolvedOptions;
  if (!resolved.endpoint === !resolved.fetchToken) {
    throw new TypeError('Pass exactly one of "endpoint" and "fetchToken": { endpoint: "/token" }.');
  }
  return resolved;
}
