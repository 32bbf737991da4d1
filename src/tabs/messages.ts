import { MAX_PLACE } from "../core/schedule.js";
import { CubeTokenError, type CubeTokenErrorCode } from "../errors.js";

/** Raised when the meaning of a field changes; a message of another version is ignored. */
export const VERSION = 1;

/** What one tab tells the others: that something changed, never the token. Storage is the truth. */
export type News =
  /** A manager has begun its work. */
  | { readonly type: "started" }
  /** Another token is in the storage. */
  | { readonly type: "refreshed" }
  /** Signed out then; in ms since the epoch, on the local wall clock. */
  | { readonly type: "cleared"; readonly at: number }
  /** The source answered the token with this place in the jitter again. */
  | { readonly type: "unchanged"; readonly draw: number }
  /** The source failed, or Cube refused the token with this place in the jitter. */
  | Failed;

export interface Failed {
  readonly type: "failed" | "invalidated";
  /** In a row. */
  readonly failures: number;
  /** Nobody asks again for so many ms. */
  readonly wait: number;
  readonly draw?: number | undefined;
  readonly code?: CubeTokenErrorCode | undefined;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/** Who says it, and when. */
export interface Sender {
  readonly identity: string | undefined;
  /** How long ago its manager was made, in ms. */
  readonly age: number;
  /** Milliseconds since the epoch, on the local wall clock. */
  readonly at: number;
}

/** The largest instant that a `Date` can hold. */
const END_OF_TIME = 8.64e15;
/** How long a page may have been open: thirty years. */
const LONGEST = 1e12;
/** No tab asks for a longer pause; `Retry-After` counts for no more either. */
const HOUR = 3_600_000;
/** One every half a minute, for thirty years. */
const MOST_FAILURES = 1e8;

/** What an attempt can end in; the other codes are a caller's own matter. */
const FAILURE =
  /^ERR_(NETWORK|TIMEOUT|SOURCE|HTTP_STATUS|UNAUTHENTICATED|FORBIDDEN|INVALID_(RESPONSE|TOKEN)|TOKEN_EXPIRED)$/;

/** Whether all are finite numbers from `least` to `most`; absent ones do not count. */
const within = (least: number, most: number, ...values: unknown[]): boolean =>
  values.every(
    (value) => value === undefined || (typeof value === "number" && value >= least && value <= most),
  );

/** `undefined` for anything that another tab's manager would not send: every number is in the range of its own. */
export function readNews(data: unknown): (News & Sender) | undefined {
  const { v, type, identity = "", age, at, draw, ...failure } = (data ?? {}) as Record<string, unknown>;
  const { failures, wait, status, retryAfter, code } = failure;
  const isFailure = type === "failed" || type === "invalidated";
  const needed = [age, at, ...(isFailure ? [failures, wait] : type === "unchanged" ? [draw] : [])];
  const isOurs =
    v === VERSION &&
    (isFailure || ["started", "refreshed", "unchanged", "cleared"].includes(type as string)) &&
    typeof identity === "string" &&
    !needed.includes(undefined) &&
    within(0, LONGEST, age) &&
    within(0, END_OF_TIME, at) &&
    within(0, MAX_PLACE, draw) &&
    within(0, HOUR, wait) &&
    within(0, MOST_FAILURES, failures) &&
    within(100, 599, status) &&
    within(0, END_OF_TIME, retryAfter) &&
    (type !== "failed" || (typeof code === "string" && FAILURE.test(code)));
  return isOurs ? (data as News & Sender) : undefined;
}

/** The failure of another tab, as an error of this one. */
export const failureOf = ({ code, status, retryAfter }: Failed): CubeTokenError =>
  new CubeTokenError(code!, `The token request of another tab failed (${code}): see the error there.`, {
    status,
    retryAfter,
  });
