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

const isNumber = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;

/** `undefined` for anything that another tab's manager did not send. */
export function readNews(data: unknown): (News & Sender) | undefined {
  const { v, type, identity = "", age, at, draw = 0, ...failure } = (data ?? {}) as Record<string, unknown>;
  const { failures, wait, status = 0, retryAfter = 0, code = "ERR_" } = failure;
  const isFailure = type === "failed" || type === "invalidated";
  const numbers = [age, at, draw, ...(isFailure ? [failures, wait, status, retryAfter] : [])];
  const isOurs =
    v === VERSION &&
    (isFailure || ["started", "refreshed", "unchanged", "cleared"].includes(type as string)) &&
    typeof identity === "string" &&
    numbers.every(isNumber) &&
    (type !== "failed" || /^ERR_[A-Z_]+$/.test(code as string));
  return isOurs ? (data as News & Sender) : undefined;
}

/** The failure of another tab, as an error of this one. */
export const failureOf = ({ code, status, retryAfter }: Failed): CubeTokenError =>
  new CubeTokenError(code!, `The token request of another tab failed (${code}): see the error there.`, {
    status,
    retryAfter,
  });
