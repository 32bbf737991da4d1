/** `setTimeout` takes at most 2³¹−1 ms, 24.8 days; with a longer delay it fires at once. */
export const MAX_TIMEOUT = 2 ** 31 - 1;
/** A lifetime under a second counts as a second, and a source that answers is asked at most once a second. */
export const MIN_LIFE = 1000;
/** A `Retry-After` beyond this is a mistake or an attack: an hour without a token is enough. */
const MAX_RETRY_AFTER = 3_600_000;
/** How many failures in a row, within a minute, get exponential backoff. After that comes the steady pace. */
const BACKOFF_STEPS = 5;
const BACKOFF_TIME = 60_000;
const BACKOFF_BASE = 1000;
const STEADY_PACE = 21_000;
const STEADY_SPREAD = 9000;
/** The longest wait before the second attempt of a background refresh, and the average of the later ones. */
const CALM_FIRST = 120_000;
const CALM_PACE = 100_000;
/** The pace without a token and without calls, so that a page recovers within a minute of the source. */
const ALONE_PACE = 40_000;
const ALONE_SPREAD = 20_000;
/** With shorter lifetimes the calm pace would exceed three requests a minute: a sixth of the lifetime is less than 20 s. */
export const CALM_LIFE = 120_000;

export interface Margins {
  readonly refreshBefore: number;
  readonly minValidity: number;
  readonly refreshJitter: number;
}

/** One token's schedule, on the server's clock. All `Infinity` for a token that never expires. */
export interface Plan {
  /** From here on a refresh runs in the background. */
  readonly refreshAt: number;
  /** From here on callers wait for the refresh, and get the old token only if it fails. */
  readonly usableUntil: number;
  readonly expiresAt: number;
  /** Its remaining lifetime when it arrived, in ms. */
  readonly life: number;
}

/**
 * A token's place in the jitter: 0 to 1, or 0 to 2 for one that many clients may have got at the same moment (the first
 * after a deploy, a broadcast e-mail, an outage). That one wide step desynchronizes them permanently (`bench/fleet`).
 *
 * @param random between 0 and 1.
 */
export const place = (random: number, isFirst: boolean): number => (isFirst ? MAX_PLACE : 1) * random;
export const MAX_PLACE = 2;

/**
 * Schedules a token by its remaining lifetime when it arrived.
 *
 * @param draw its {@link place} in the jitter, drawn once per token.
 */
export function plan(receivedAt: number, expiresAt: number, draw: number, margins: Margins): Plan {
  const life = Math.max(expiresAt - receivedAt, MIN_LIFE);
  if (expiresAt === Infinity) return { refreshAt: expiresAt, usableUntil: expiresAt, expiresAt, life };
  const usableUntil = expiresAt - Math.min(margins.minValidity, life / 4);
  const early = Math.min(margins.refreshBefore, life / 2) + draw * margins.refreshJitter * life;
  // Whatever the options say, a token is not refreshed during the first tenth of its lifetime.
  const refreshAt = Math.min(Math.max(expiresAt - early, receivedAt + life / 10), usableUntil);
  return { refreshAt, usableUntil, expiresAt, life };
}

/** A delay that `setTimeout` can take. A timer that fires too early checks the clock and is set again. */
export const timerDelay = (delay: number, shortest = MIN_LIFE): number =>
  delay === Infinity ? delay : Math.min(Math.max(delay, shortest), MAX_TIMEOUT);

/**
 * A minute after the first failure the quick attempts end, however few there were: perhaps nothing called in between.
 *
 * @param failures in a row. @param since how long ago the first of them occurred, in ms.
 */
export const countFailures = (failures: number, since: number): number =>
  since > BACKOFF_TIME ? Math.max(failures, BACKOFF_STEPS + 1) : failures;

/**
 * How long to leave a source alone after a number of failures in a row.
 *
 * Exponential with full jitter at first (at most 1, 2, 4, 8, 16 s), then every 21 to 30 s. In the worst case that is
 * 8 requests in the first minute (six at once, then two) and 3 in each later one.
 *
 * @param failures in a row, 1 or more. @param random between 0 and 1. @param retryAfter what the endpoint asked for, in
 * ms. @param requests that the last attempt took; each adds a pause.
 */
export function retryDelay(failures: number, random: number, retryAfter = 0, requests = 1): number {
  const delay =
    failures > BACKOFF_STEPS
      ? STEADY_PACE + random * STEADY_SPREAD
      : random * BACKOFF_BASE * 2 ** (failures - 1);
  return Math.max(requests * delay, Math.min(retryAfter, MAX_RETRY_AFTER));
}

/** How long a manager without a token and without calls leaves the source alone. */
export const aloneDelay = (failures: number, random: number): number =>
  failures > BACKOFF_STEPS ? ALONE_PACE + random * ALONE_SPREAD : 0;

/**
 * The same for a refresh that failed while the old token was still valid, so that no caller had to wait: an outage must
 * not end in a stampede. The first retry comes before the old token expires. While it is valid, later ones are about a
 * third of its lifetime apart, at most 50 to 150 s. After it has expired, every page recovers within a minute of the
 * source.
 *
 * @param left how long the old token is still usable, in ms. @param life the old token's lifetime, in ms.
 */
export function calmDelay(failures: number, random: number, left: number, life: number): number {
  const alone = ALONE_PACE + random * ALONE_SPREAD;
  if (failures > 1) return Math.min((0.5 + random) * Math.min(life / 3, CALM_PACE), Math.max(left, alone));
  return (0.5 + random / 2) * Math.max(0, Math.min(left, CALM_FIRST));
}
