import type { CubeTokenError } from "./errors.js";

/** Options of `getToken()`. */
export interface GetTokenOptions {
  /**
   * Always asks the source, after this call, and skips a pause after failures. Use it after a new sign-in. If it fails,
   * the call rejects and the old token stays.
   * @default false
   */
  forceRefresh?: boolean | undefined;
  /** Aborting it rejects this caller only, with `ERR_ABORTED`. */
  signal?: AbortSignal | undefined;
}

/** The state of a manager: frozen, and the same object until something changes. Never contains the token. */
export interface TokenSnapshot {
  /**
   * `"fresh"`: valid. `"stale"`: valid, and due for a refresh. `"expired"`: past `exp`, or rejected by Cube. `"empty"`: no
   * token.
   */
  readonly status: "empty" | "fresh" | "stale" | "expired";
  /** Whether a refresh is in progress, or waits for its next attempt. */
  readonly refreshing: boolean;
  /** Milliseconds since the epoch, on the server's clock; absent for a token that never expires. */
  readonly expiresAt?: number;
  /** When the background refresh is due: milliseconds since the epoch, on the server's clock. */
  readonly refreshAt?: number;
  /** The claims of a JWT, not verified. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Why the last refresh failed, or that Cube rejected two fresh tokens in a row. Absent once that is over. Has no `cause`. */
  readonly error?: CubeTokenError;
}

/**
 * What happened. Contains neither the token nor an error's `cause`, so the output of `tokens.subscribe(console.debug)`
 * can be pasted into a public bug report.
 *
 * @example
 * tokens.subscribe((event) => {
 *   if (event.type === "attemptfailed") console.warn(event.error.code, `attempt ${event.attempt}`, event.retryIn);
 * });
 */
export type TokenEvent =
  /** A refresh has begun, or has ended without anything new. */
  | { readonly type: "refreshing" }
  /** Another tab is requesting a token, and this one waits for it. */
  | { readonly type: "waiting" }
  /** An attempt begins: number 1 of a refresh, 2, … Where tabs share a storage, told once the lock between them is released. */
  | { readonly type: "requested"; readonly attempt: number }
  /** An attempt failed. The next one follows in `retryIn` ms, if there is one. */
  | {
      readonly type: "attemptfailed";
      readonly error: CubeTokenError;
      readonly attempt: number;
      readonly retryIn?: number;
    }
  /** Another token is in service: from the source, or from the storage where another tab put it. */
  | { readonly type: "refreshed"; readonly from: "source" | "storage" }
  /** A refresh failed; a token that is still valid stays in service. */
  | { readonly type: "refreshfailed"; readonly error: CubeTokenError }
  /** The token is due for a refresh. */
  | { readonly type: "stale" }
  /** The token has expired. */
  | { readonly type: "expired" }
  /** Cube rejected the token, see `invalidate()`. */
  | { readonly type: "invalidated" }
  /** Signed out: by `clear()` here, by `clear()` in another tab, or because another `identity` signed in in another tab. */
  | { readonly type: "cleared"; readonly from: "here" | "tab" | "identity" }
  /** The storage failed for the first time, and the manager continues in memory. `reason` is the error's name. */
  | {
      readonly type: "storagefailed";
      readonly operation: "getItem" | "setItem" | "removeItem";
      readonly reason: string;
    };

/** The part of a manager that integrations use. Anything with these members can replace it, for example in tests. */
export interface TokenProvider {
  getToken(options?: GetTokenOptions): Promise<string>;
  invalidate(rejectedToken?: string): void;
  getSnapshot(): TokenSnapshot;
  subscribe(listener: (event: TokenEvent) => void): () => void;
}
