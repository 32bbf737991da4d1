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
  /** Why the last refresh failed; gone as soon as one succeeds. */
  readonly error?: CubeTokenError;
}

/** Something changed. Never holds a token. */
export type TokenEvent =
  /** Another token is in service. `from` says where it came from. */
  | { readonly type: "refreshed"; readonly from: "source" | "storage" }
  /** A refresh failed; a token that is still valid stays in service. */
  | { readonly type: "refreshfailed"; readonly error: CubeTokenError }
  /** Cube refused the token, see `invalidate()`. */
  | { readonly type: "invalidated" }
  /** Signed out, see `clear()`. */
  | { readonly type: "cleared" }
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
