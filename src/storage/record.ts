import { MAX_PLACE } from "../core/schedule.js";

/** What is stored of a token. Its expiry is read from the token itself, unless only the endpoint stated it. */
export interface TokenRecord {
  readonly token: string;
  /** When it arrived, on the local wall clock. */
  readonly at: number;
  /** How far the server's clock was ahead of the local one then, in milliseconds. */
  readonly ahead: number;
  /** This token's place in the jitter, between 0 and 2. */
  readonly draw: number;
  /** The expiry on the server's clock, for a token that does not contain it. */
  readonly expiresAt?: number | undefined;
  readonly identity?: string | undefined;
  /** When the manager that stored it was created, on the local wall clock. */
  readonly madeAt: number;
  /** When the token was requested, on the local wall clock. */
  readonly since: number;
}

/** Raised when the meaning of a field changes; a record of another version counts as absent. */
const VERSION = 1;

export const writeRecord = (record: TokenRecord): string =>
  // The clock may have been set back during the request.
  JSON.stringify({ v: VERSION, ...record, since: Math.min(record.since, record.at) });

/** The largest instant that a `Date` can hold. */
const END_OF_TIME = 8.64e15;
const isInstant = (value: number) => Number.isFinite(value) && value >= 0 && value <= END_OF_TIME;
/** How far in the future the time of the request may be (ms). */
const TOLERANCE = 1000;

/**
 * `undefined` for anything that {@link writeRecord} did not write. Others that can write to the storage (a sibling
 * subdomain can set cookies) must not be able to make their token outlive a sign-out, or to stop the clock.
 *
 * @param wall the current time on the local wall clock, if the time of the request matters.
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
