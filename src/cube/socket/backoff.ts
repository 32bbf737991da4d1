/** The first and the highest limit of the pauses between attempts to connect: exponential backoff with full jitter. */
const FIRST_DELAY = 1000;
const MAX_DELAY = 10_000;
/** A connection that lasted longer than this was stable: earlier failures no longer count. */
const STABLE = 10_000;

export interface Backoff {
  /** Attempts in a row that failed, or whose connection did not last. */
  readonly failures: number;
  /** When the next attempt is due, on the monotonic clock. */
  readonly retryAt: number;
}

export const NO_FAILURES: Backoff = { failures: 0, retryAt: 0 };

/** After another failed attempt. `random` is between 0 and 1. */
export const afterFailure = ({ failures }: Backoff, now: number, random: number): Backoff => ({
  failures: failures + 1,
  retryAt: now + random * Math.min(MAX_DELAY, FIRST_DELAY * 2 ** failures),
});

/** After an open connection was lost. */
export const afterLoss = (backoff: Backoff, openedAt: number, now: number, random: number): Backoff =>
  afterFailure(now - openedAt > STABLE ? NO_FAILURES : backoff, now, random);
