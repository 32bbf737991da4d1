import type { CubeTokenError } from "./errors.js";

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
  | {
      /**
       * @example
       * if (event.type === "refreshing") spinner.hidden = !tokens.getSnapshot().refreshing;
       */
      readonly type: "refreshing";
    }
  /** Another tab is requesting a token, and this one waits for it. */
  | {
      /**
       * @example
       * if (event.type === "waiting") metrics.count("token.shared");
       */
      readonly type: "waiting";
    }
  /** An attempt begins. If tabs share the storage, this is emitted only once the lock between them is released. */
  | {
      /**
       * @example
       * if (event.type === "requested") metrics.count("token.request");
       */
      readonly type: "requested";
      /**
       * 1 for the first attempt of a refresh.
       * @example
       * if (event.type === "requested" && event.attempt > 1) metrics.count("token.retry");
       */
      readonly attempt: number;
    }
  /** An attempt failed. The next one follows in `retryIn` ms, if there is one. */
  | {
      /**
       * @example
       * if (event.type === "attemptfailed") metrics.count("token.failure");
       */
      readonly type: "attemptfailed";
      /**
       * Why it failed.
       * @example
       * if (event.type === "attemptfailed") console.warn(event.error.code);
       */
      readonly error: CubeTokenError;
      /**
       * 1 for the first attempt of a refresh.
       * @example
       * if (event.type === "attemptfailed") console.warn("failed attempt", event.attempt);
       */
      readonly attempt: number;
      /**
       * Milliseconds until the next attempt; absent if there is none.
       * @example
       * if (event.type === "attemptfailed") banner.hidden = event.retryIn === undefined;
       */
      readonly retryIn?: number;
    }
  /** A new token is in service, from the source, or from the storage where another tab put it. */
  | {
      /**
       * @example
       * if (event.type === "refreshed") banner.hidden = true;
       */
      readonly type: "refreshed";
      /**
       * Whether it came from the source, or from the storage.
       * @example
       * if (event.type === "refreshed" && event.from === "source") metrics.count("token.issued");
       */
      readonly from: "source" | "storage";
    }
  /** A refresh failed; a token that is still valid stays in service. */
  | {
      /**
       * @example
       * if (event.type === "refreshfailed") banner.hidden = false;
       */
      readonly type: "refreshfailed";
      /**
       * Why it failed.
       * @example
       * if (event.type === "refreshfailed" && event.error.code === "ERR_UNAUTHENTICATED") location.assign("/sign-in");
       */
      readonly error: CubeTokenError;
    }
  /** The token is due for a refresh. */
  | {
      /**
       * @example
       * if (event.type === "stale") console.debug("refresh due");
       */
      readonly type: "stale";
    }
  /** The token has expired. */
  | {
      /**
       * @example
       * if (event.type === "expired") banner.textContent = "Reconnecting…";
       */
      readonly type: "expired";
    }
  /** Cube rejected the token, see `invalidate()`. */
  | {
      /**
       * @example
       * if (event.type === "invalidated") metrics.count("token.rejected");
       */
      readonly type: "invalidated";
    }
  /** Signed out: by `clear()` here, by `clear()` in another tab, or because another `identity` signed in there. */
  | {
      /**
       * @example
       * if (event.type === "cleared") dashboard.replaceChildren();
       */
      readonly type: "cleared";
      /**
       * `"here"`: `clear()` of this manager. `"tab"`: another tab. `"identity"`: another user signed in from another tab.
       * @example
       * if (event.type === "cleared" && event.from !== "here") location.reload();
       */
      readonly from: "here" | "tab" | "identity";
    }
  /** The storage failed for the first time, and the manager continues in memory. `reason` is the error's name. */
  | {
      /**
       * @example
       * if (event.type === "storagefailed") metrics.count("token.storage-failure");
       */
      readonly type: "storagefailed";
      /**
       * The operation that failed.
       * @example
       * if (event.type === "storagefailed" && event.operation === "removeItem") console.warn("A token may still be stored.");
       */
      readonly operation: "getItem" | "setItem" | "removeItem";
      /**
       * The error's name.
       * @example
       * if (event.type === "storagefailed" && event.reason === "QuotaExceededError") metrics.count("token.quota");
       */
      readonly reason: string;
    };
