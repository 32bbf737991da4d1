import { MAX_RETRY_AFTER } from "../errors.js";
import type { Answer } from "./source.js";

/** The end of the year 9999: no HTTP date is later (RFC 9110 §5.6.7). */
const LAST_DATE = 253_402_300_799_000;
/** Seconds. No cache keeps a token for a year. */
const MAX_AGE = 31_536_000;

/** Whole seconds, 0 or more; `NaN` for anything else. */
const readSeconds = (value: string | null): number => (/^\s*\d+\s*$/.test(value ?? "") ? Number(value) : NaN);

function readInstant(value: string | null): number {
  // Engines also parse "-5" and "1.5" as dates.
  const at = /\d:\d\d:\d\d/.test(value ?? "") ? Date.parse(value!) : NaN;
  return at >= 0 && at <= LAST_DATE ? at : NaN;
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date on the server's own clock. In ms, an hour at most. */
export function readRetryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  const seconds = readSeconds(value);
  const delay = Number.isNaN(seconds)
    ? readInstant(value) - (readInstant(headers.get("date")) || Date.now())
    : seconds * 1000;
  return Number.isNaN(delay) ? undefined : Math.min(Math.max(0, delay), MAX_RETRY_AFTER);
}

/**
 * Reads the server's time from `Date` (RFC 9110 §5.6.7, §6.6.1), which is exact to that second plus the round trip; and
 * from `Age` (RFC 9111 §5.1) how long a cache has stored the answer.
 *
 * @param since how long ago the headers arrived, in ms.
 */
export function readDate(headers: Headers, roundTrip: number, since: number): Pick<Answer, "date"> {
  const earliest = readInstant(headers.get("date")) + since;
  if (Number.isNaN(earliest)) return {};
  const seconds = readSeconds(headers.get("age"));
  const age = seconds <= MAX_AGE ? seconds * 1000 : 0;
  return { date: { earliest, latest: earliest + 1000 + roundTrip, age } };
}
