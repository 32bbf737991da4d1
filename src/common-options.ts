import type { TokenStorage } from "./storage/storage.js";

/**
 * Options of both kinds of manager. All durations are milliseconds.
 *
 * @example
 * const shared: CommonOptions = { identity: user.id, refreshBefore: 60_000, retries: 1 };
 * const tokens = new CubeTokenManager({ endpoint: "/auth/cubejs-token", ...shared });
 */
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
   * @default "cube.token:" + the endpoint: its path on the page's own origin, otherwise the whole URL; a query as a short hash
   * @example
   * new CubeTokenManager({ fetchToken, storage: indexedDBStorage(), storageKey: "cube", identity: user.id });
   */
  storageKey?: string | undefined;
  /**
   * The signed-in user. A stored token of another identity is never used, and is erased. Distinguish tenants that are
   * open side by side by `storageKey` or endpoint, never by `identity`.
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: webStorage(), identity: user.id });
   */
  identity?: string | undefined;
  /**
   * How long before expiry a background refresh starts, in ms; at most half of the lifetime. @default 60_000
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", refreshBefore: 120_000 });
   */
  refreshBefore?: number | undefined;
  /**
   * With less time left than this, in ms, callers wait for the refresh and get the old token only if it fails; at most a
   * quarter of the lifetime. @default 10_000
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", minValidity: 30_000 });
   */
  minValidity?: number | undefined;
  /**
   * Share of the lifetime, 0 to 1, over which clients spread their refreshes: only ever earlier, drawn once per token.
   * The first token, and the first after a failure, is spread over twice that, which desynchronizes clients that were
   * started at the same moment.
   * @default 0.2
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", refreshJitter: 0.5 });
   */
  refreshJitter?: number | undefined;
  /**
   * Time limit for one attempt to get a token, in ms. @default 10_000
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", requestTimeout: 5_000 });
   */
  requestTimeout?: number | undefined;
  /**
   * Refreshes on a timer and when the page wakes up; with `false` only `getToken()` refreshes. @default true
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", autoRefresh: false });
   */
  autoRefresh?: boolean | undefined;
  /**
   * Attempts after the first while a caller waits, with exponential backoff and full jitter. @default 3
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", retries: 0 });
   */
  retries?: number | undefined;
  /**
   * In a browser, with a storage that tabs share: one refresh for all tabs, and one sign-out. @default true
   * @example
   * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: webStorage(), crossTab: false });
   */
  crossTab?: boolean | undefined;
}
