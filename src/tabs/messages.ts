import { MAX_PLACE } from "../core/schedule.js";
import { CubeTokenError, type CubeTokenErrorCode } from "../errors.js";

/** Raised when the meaning of a field changes; a message of another version is ignored. */
export const VERSION = 1;

/** A message to the other tabs: that something changed, never the token. The storage is the source of truth. */
export type News =
  /** A manager has started. */
  | { readonly type: "started" }
  /** Another token is in the storage. */
  | { readonly type: "refreshed" }
  /** Signed out at this time, in ms since the epoch, on the local wall clock. */
  | { readonly type: "cleared"; readonly at: number }
  /** The source returned the token with this jitter draw again. */
  | { readonly type: "unchanged"; readonly draw: number }
  /**
   * The source failed, or Cube refused the token with this jitter draw; or ("failing") either happened before the
   * receiving tab started.
   */
  | Failed;

export interface Failed {
  readonly type: "failed" | "invalidated" | "failing";
  /** In a row. */
  readonly failures: number;
  /** For how many ms no tab asks again. */
  readonly wait: number;
  readonly draw?: number | undefined;
  readonly code?: CubeTokenErrorCode | undefined;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/** The sender, and when it sent the message. */
export interface Sender {
  readonly identity: string | undefined;
  /** How long ago its manager was created, in ms. */
  readonly age: number;
  /** Milliseconds since the epoch, on the local wall clock. */
  readonly at: number;
}

/** The required fields of each type, besides those of the sender. */
const NEEDED: Record<News["type"], readonly string[]> = {
  started: [],
  refreshed: [],
  cleared: [],
  unchanged: ["draw"],
  invalidated: ["failures", "wait"],
  failed: ["failures", "wait", "code"],
  failing: ["failures", "wait"],
};

/** The largest values that a manager sends; the smallest is 0. */
const MOST: Record<string, number> = {
  // Thirty years: the longest that a page may have been open, with a failure every half minute.
  age: 1e12,
  failures: 1e8,
  // The largest instant that a `Date` can hold.
  at: 8.64e15,
  retryAfter: 3_600_000,
  draw: MAX_PLACE,
  // `Retry-After` counts for no more than an hour.
  wait: 3_600_000,
  status: 599,
};

/** The codes that an attempt can fail with. The others concern a single caller. */
const FAILURE =
  /^ERR_(NETWORK|TIMEOUT|SOURCE|HTTP_STATUS|UNAUTHENTICATED|FORBIDDEN|INVALID_(RESPONSE|TOKEN)|TOKEN_EXPIRED)$/;

/** `undefined` for anything that another tab's manager would not send: every number must be in range. */
export function readNews(data: unknown): (News & Sender) | undefined {
  const news = (data ?? {}) as Record<string, unknown>;
  const { v, type, identity = "", status = 100, code = "ERR_NETWORK" } = news;
  const isOurs =
    v === VERSION &&
    Object.hasOwn(NEEDED, type as string) &&
    ["age", "at", ...NEEDED[type as News["type"]]].every((name) => news[name] !== undefined) &&
    Object.entries(MOST).every(([name, most]) => {
      const { [name]: value = 0 } = news;
      return typeof value === "number" && value >= 0 && value <= most;
    }) &&
    (status as number) >= 100 &&
    typeof identity === "string" &&
    typeof code === "string" &&
    FAILURE.test(code);
  return isOurs ? (data as News & Sender) : undefined;
}

/** The failure of another tab, as an error of this one. */
export const failureOf = ({ code, status, retryAfter }: Failed): CubeTokenError =>
  new CubeTokenError(code!, `Another tab's token request failed (${code}): see the error there.`, {
    status,
    retryAfter,
  });
