import { MAX_PLACE } from "../core/schedule.js";

/** What is kept of a token. Its expiry is not: that is read from the token again, unless only the endpoint knew it. */
export interface TokenRecord {
  readonly token: string;
  /** When it came, on the local wall clock. */
  readonly at: number;
  /** How far the server's clock was ahead of the local one then, in milliseconds. */
  readonly ahead: number;
  /** This token's place in the jitter, between 0 and 2. */
  readonly draw: number;
  /** For a token that does not say so itself: its expiry on the server's clock. */
  readonly expiresAt?: number | undefined;
  readonly identity?: string | undefined;
  /** When the manager that stored it was made, on the local wall clock. */
  readonly madeAt: number;
  /** When the token was asked for, on the local wall clock. */
  readonly since: number;
}

/** Raised when the meaning of a field changes; a record of another version counts as absent. */
const VERSION = 1;

export const writeRecord = (record: TokenRecord): string =>
  // The clock may have been set back while the source was asked.
  JSON.stringify({ v: VERSION, ...record, since: Math.min(record.since, record.at) });

/** The largest instant that a `Date` can hold. */
const END_OF_TIME = 8.64e15;
const isInstant = (value: number) => Number.isFinite(value) && value >= 0 && value <= END_OF_TIME;
/** Nothing was asked for later than now (ms). */
const TOLERANCE = 1000;

/**
 * `undefined` for anything that {@link writeRecord} did not write. Whoever can write to the storage (a sibling subdomain
 * sets cookies) must not make a token of theirs outlive a sign-out, or stop the clock.
 *
 * @param wall the time now on the local wall clock, where it matters when the token was asked for.
 */
export function readRecord(text: string | null | undefined, wall = Infinity): TokenRecord | undefined {
  let value: (TokenRecord & { v: number }) | null;
  try {
    value = JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
  if (value?.v !== VERSION || typeof value.token !== "string") return undefined;
  const { at, ahead, draw, expiresAt = 0, identity = "", madeAt, since } = value;
  const isOurs =
    [at, madeAt, since, expiresAt, at + ahead, draw].every(isInstant) &&
    Number.isFinite(ahead) &&
    since <= Math.max(at, wall + TOLERANCE) &&
    draw <= MAX_PLACE &&
    typeof identity === "string";
  return isOurs ? value : undefined;
}
