import type { CubeTokenError } from "./errors.js";
import type { TokenEvent } from "./events.js";

export type { TokenEvent } from "./events.js";

/**
 * Options of `getToken()`.
 *
 * @example
 * const options: GetTokenOptions = { signal: AbortSignal.timeout(5_000) };
 */
export interface GetTokenOptions {
  /**
   * Always asks the source, after this call, and skips a pause after failures. Use it after a new sign-in. If it fails,
   * the call rejects and the old token stays.
   * @default false
   * @example
   * await tokens.getToken({ forceRefresh: true });
   */
  forceRefresh?: boolean | undefined;
  /**
   * Aborting it rejects this caller only, with `ERR_ABORTED`.
   * @example
   * const token = await tokens.getToken({ signal: controller.signal });
   */
  signal?: AbortSignal | undefined;
}

/**
 * The state of a manager: frozen, and the same object until something changes. Never contains the token.
 *
 * @example
 * const { status, refreshing, error }: TokenSnapshot = tokens.getSnapshot();
 */
export interface TokenSnapshot {
  /**
   * `"fresh"`: valid. `"stale"`: valid, and due for a refresh. `"expired"`: past `exp`, or rejected by Cube. `"empty"`: no
   * token.
   * @example
   * const isReconnecting = tokens.getSnapshot().status === "expired";
   */
  readonly status: "empty" | "fresh" | "stale" | "expired";
  /**
   * Whether a refresh is in progress, or waits for its next attempt.
   * @example
   * spinner.hidden = !tokens.getSnapshot().refreshing;
   */
  readonly refreshing: boolean;
  /**
   * Milliseconds since the epoch, on the server's clock; absent for a token that never expires.
   * @example
   * const { expiresAt } = tokens.getSnapshot();
   * if (expiresAt) console.debug("valid until", new Date(expiresAt));
   */
  readonly expiresAt?: number;
  /**
   * When the background refresh is due: milliseconds since the epoch, on the server's clock.
   * @example
   * const { refreshAt } = tokens.getSnapshot();
   * if (refreshAt) console.debug("next refresh", new Date(refreshAt));
   */
  readonly refreshAt?: number;
  /**
   * The claims of a JWT, not verified.
   * @example
   * const isEditor = tokens.getSnapshot().claims?.role === "editor";
   */
  readonly claims?: Readonly<Record<string, unknown>>;
  /**
   * Why the last refresh failed, or that Cube rejected two fresh tokens in a row. Absent once that is over. Has no `cause`.
   * @example
   * const mustSignIn = tokens.getSnapshot().error?.code === "ERR_UNAUTHENTICATED";
   */
  readonly error?: CubeTokenError;
}

/**
 * The part of a manager that integrations use. Anything with these members can replace it, for example in tests.
 *
 * @example
 * const snapshot: TokenSnapshot = { status: "fresh", refreshing: false };
 * const fake: TokenProvider = {
 *   getToken: async () => "token",
 *   invalidate: () => {},
 *   getSnapshot: () => snapshot,
 *   subscribe: () => () => {},
 * };
 */
export interface TokenProvider {
  /**
   * Resolves to a valid token, or to `""` if none is needed.
   * @example
   * const headers = { Authorization: await tokens.getToken() };
   */
  getToken(options?: GetTokenOptions): Promise<string>;
  /**
   * Reports that Cube rejected the token: the next `getToken()` gets another.
   * @example
   * if (response.status === 403) tokens.invalidate(token);
   */
  invalidate(rejectedToken?: string): void;
  /**
   * The current state; the same object until something changes.
   * @example
   * const { status } = tokens.getSnapshot();
   */
  getSnapshot(): TokenSnapshot;
  /**
   * Calls `listener` on every change; returns a function that unsubscribes.
   * @example
   * const unsubscribe = tokens.subscribe((event) => console.debug(event));
   */
  subscribe(listener: (event: TokenEvent) => void): () => void;
}
