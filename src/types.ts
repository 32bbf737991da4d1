import type { CubeTokenError } from "./errors.js";

export interface GetTokenOptions {
  /** Asks the source although the token is fresh; rejects should that fail, while the old token stays. @default false */
  forceRefresh?: boolean | undefined;
  /** Aborting it rejects this caller alone, with `ERR_ABORTED`. */
  signal?: AbortSignal | undefined;
}

/** The state of a manager at one moment: frozen, and the same object until something changes. Never holds the token. */
export interface TokenSnapshot {
  /**
   * `"stale"`: valid, and due for a refresh. `"expired"`: past `exp`, or refused by Cube. `"empty"`: none yet, or none
   * any more.
   */
  readonly status: "empty" | "fresh" | "stale" | "expired";
  /** Whether a request for a token is under way (or waits for its next attempt). */
  readonly refreshing: boolean;
  /** Milliseconds since the epoch, on the server's clock; absent for a token that never expires. */
  readonly expiresAt?: number;
  /** When the background refresh is due: milliseconds since the epoch, on the server's clock. */
  readonly refreshAt?: number;
  /** The claims of a JWT, not verified. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Why the last refresh failed, or that Cube has refused two fresh tokens in a row; gone once that is over. Without its `cause`. */
  readonly error?: CubeTokenError;
}

/**
 * What happens to the token. Never holds the token itself, nor an error's `cause`: `tokens.subscribe(console.debug)` is
 * a log that may be pasted into a public report.
 */
export type TokenEvent =
  /** A refresh has begun, or has ended with nothing new. */
  | { readonly type: "refreshing" }
  /** Another tab is asking: this one waits for it. */
  | { readonly type: "waiting" }
  /** The source is asked: attempt 1 of a refresh, 2, … */
  | { readonly type: "requested"; readonly attempt: number }
  /** An attempt has failed. `retryIn`: the manager tries again by itself in so many ms. */
  | {
      readonly type: "attemptfailed";
      readonly error: CubeTokenError;
      readonly attempt: number;
      readonly retryIn?: number;
    }
  /** Another token is in service. `from` says where it came from. */
  | { readonly type: "refreshed"; readonly from: "source" | "storage" }
  /** A refresh failed; a token that is still valid stays in service. */
  | { readonly type: "refreshfailed"; readonly error: CubeTokenError }
  /** The token is due for a refresh. */
  | { readonly type: "stale" }
  /** The token has expired. */
  | { readonly type: "expired" }
  /** Cube refused the token, see `invalidate()`. */
  | { readonly type: "invalidated" }
  /** Signed out: by `clear()` here or in another tab, or because another `identity` has signed in in another tab. */
  | { readonly type: "cleared"; readonly from: "here" | "tab" | "identity" }
  /** The storage failed for the first time; from now on the token lives in memory. `reason` is the error's name. */
  | {
      readonly type: "storagefailed";
      readonly operation: "getItem" | "setItem" | "removeItem";
      readonly reason: string;
    };

/** The part of a manager that integrations use: anything with these members can stand in for it. */
export interface TokenProvider {
  getToken(options?: GetTokenOptions): Promise<string>;
  invalidate(rejectedToken?: string): void;
  getSnapshot(): TokenSnapshot;
  subscribe(listener: (event: TokenEvent) => void): () => void;
}
