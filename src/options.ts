import { CONNECT } from "./core/symbols.js";
import type { FetchTokenResult, RequestOption, SourceContext } from "./source/source.js";
import type { TokenStorage } from "./storage/storage.js";

interface CommonOptions {
  /** Token that the server put into the HTML, see {@link embeddedToken}; used while valid, it saves the first request. */
  initialToken?: string | undefined;
  /**
   * Where the token survives. A stored token outlives the user's session, so keeping one is your decision.
   * @default memoryStorage()
   */
  storage?: TokenStorage | undefined;
  /**
   * Name in that storage. With `fetchToken` and any storage but `memoryStorage()` it must be given.
   * @default "cube.token:" and the endpoint: its path on the page's own origin, else the whole URL; its query as a hash
   */
  storageKey?: string | undefined;
  /**
   * The signed-in user. A stored token of another identity is never used, and is erased. Tenants that are open side by
   * side are told apart by `storageKey` or endpoint, never by this.
   */
  identity?: string | undefined;
  /** Background refresh starts this many ms before expiry; never more than half of the lifetime. @default 60_000 */
  refreshBefore?: number | undefined;
  /** A token with less life than this, in ms, is not handed out; never more than a quarter of the lifetime. @default 10_000 */
  minValidity?: number | undefined;
  /**
   * Share of the lifetime, 0 to 1, over which a fleet spreads its refreshes (only ever earlier; drawn once per token).
   * The first token, and the first after a failure, is spread over twice that: clients started in the same moment part
   * for good.
   * @default 0.2
   */
  refreshJitter?: number | undefined;
  /** Longest time for one attempt to get a token, in ms. @default 10_000 */
  requestTimeout?: number | undefined;
  /** Timer and wake signals; with `false` only `getToken()` refreshes. @default true */
  autoRefresh?: boolean | undefined;
  /** Attempts after the first while a caller waits, with exponential backoff and full jitter. @default 3 */
  retries?: number | undefined;
  /** With a storage that tabs share, in a browser: one refresh for all tabs, and news between them. @default true */
  crossTab?: boolean | undefined;
}

/** A source over HTTP. */
export interface EndpointOptions extends CommonOptions {
  /**
   * Where a GET returns the token: JSON `{ token }`, `{ access_token, expires_in }`, `{ accessToken, expiresIn }` or
   * `{ cubeApiToken }`, a JSON string, or the bare token as text/plain. On a server: the whole URL.
   */
  endpoint: string | URL;
  /**
   * Method, headers, credentials, body. Its `signal` is the manager's own.
   *
   * With headers or a body of your own the default is `redirect: "error"`: they would travel along. On the page's own
   * origin `X-Requested-With: XMLHttpRequest` goes along, unless you set it.
   * @default { credentials: "same-origin", cache: "no-store", redirect: "follow", headers: { Accept: "application/json" } }
   */
  request?: RequestOption | undefined;
  /** Replaces `globalThis.fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  fetchToken?: undefined;
}

/** A source of your own: an identity provider's SDK, a native bridge. */
export interface FetchTokenOptions extends CommonOptions {
  /**
   * Gets a token: `""` when none is needed (Cube's development mode), `null` or `undefined` when the user is signed out.
   *
   * `requestTimeout` bounds it and aborts its `signal`. A call that goes on nevertheless is not doubled: the next attempt
   * waits for it, until 60 s after its start, or 6 × `requestTimeout` where that is more. A rejection is
   * `ERR_SOURCE` and retried, unless its `error` or `errorCode` says that the session is over (`login_required`,
   * `interaction_required`, `consent_required`, `invalid_grant`: `ERR_UNAUTHENTICATED`), or it is a `CubeTokenError`.
   */
  fetchToken: (context: SourceContext) => Promise<FetchTokenResult>;
  endpoint?: undefined;
  request?: undefined;
  fetch?: undefined;
}

/** Exactly one of `endpoint` and `fetchToken`. All durations are milliseconds. */
export type CubeTokenManagerOptions = EndpointOptions | FetchTokenOptions;

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
  const given = Object.entries(typeof options === "object" ? (options ?? {}) : {}).filter(
    ([, value]) => value !== undefined,
  );
  for (const [name, value] of given) {
    const rule = Object.hasOwn(RULES, name) && RULES[name];
    if (!rule) {
      throw new TypeError(`Unknown option "${name}". There are ${Object.keys(RULES).join(", ")}.`);
    }
    if (value === null || !rule[0](value as never))
      throw new TypeError(`Option "${name}" must be ${rule[1]}.`);
  }
  const resolved = { ...DEFAULTS, ...Object.fromEntries(given) } as ResolvedOptions;
  if (!resolved.endpoint === !resolved.fetchToken) {
    throw new TypeError('Give exactly one of "endpoint" and "fetchToken": { endpoint: "/token" }.');
  }
  return resolved;
}
