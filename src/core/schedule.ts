/** `setTimeout` takes at most 2³¹−1 ms, 24.8 days; above it fires at once. */
export const MAX_TIMEOUT = 2 ** 31 - 1;
/** A lifetime under a second counts as a second, and a source that answers is asked at most once in it. */
export const MIN_LIFE = 1000;
/** A `Retry-After` beyond this is a mistake or an attack: an hour without a token is enough. */
const MAX_RETRY_AFTER = 3_600_000;
/** Failures in a row that are answered with exponential backoff, all within a minute; after that comes the steady pace. */
const BACKOFF_STEPS = 5;
const BACKOFF_TIME = 60_000;
const BACKOFF_BASE = 1000;
const STEADY_PACE = 21_000;
const STEADY_SPREAD = 9000;
/** The longest wait for the second attempt of a background refresh, and the middle of the later ones. */
const CALM_FIRST = 120_000;
const CALM_PACE = 100_000;
/** Without a token, and nobody calling: so far apart, so that a page is well again within a minute of the source. */
const ALONE_PACE = 40_000;
const ALONE_SPREAD = 20_000;
/** Tokens that live shorter have no time for that: a third of it is less than the 20 s that keep to three a minute. */
export const CALM_LIFE = 120_000;

export interface Margins {
  readonly refreshBefore: number;
  readonly minValidity: number;
  readonly refreshJitter: number;
}

/** The instants of one token's life, on the server's clock. All `Infinity` for a token that never expires. */
export interface Plan {
  /** From here on a refresh runs in the background. */
  readonly refreshAt: number;
  /** From here on callers wait for the refresh, and get the old token only should it fail. */
  readonly usableUntil: number;
  readonly expiresAt: number;
  /** What was left of it when it came, in ms. */
  readonly life: number;
}

/**
 * A token's place in the jitter: from 0 to 1, and to 2 for one that many clients may have got in the same moment: the
 * first after a deploy, a broadcast e-mail, an outage. That one wide step takes them apart for good (`bench/fleet`).
 *
 * @param random between 0 and 1.
 */
export const place = (random: number, isFirst: boolean): number => (isFirst ? MAX_PLACE : 1) * random;
export const MAX_PLACE = 2;

/**
 * Lays out the life of a token from what was left of it when it came.
 *
 * @param draw its {@link place} in the jitter, drawn once per token.
 */
export function plan(receivedAt: number, expiresAt: number, draw: number, margins: Margins): Plan {
  const life = Math.max(expiresAt - receivedAt, MIN_LIFE);
  if (expiresAt === Infinity) return { refreshAt: expiresAt, usableUntil: expiresAt, expiresAt, life };
  const usableUntil = expiresAt - Math.min(margins.minValidity, life / 4);
  const early = Math.min(margins.refreshBefore, life / 2) + draw * margins.refreshJitter * life;
  // Whatever the options say, a token is left alone for a tenth of its life.
  const refreshAt = Math.min(Math.max(expiresAt - early, receivedAt + life / 10), usableUntil);
  return { refreshAt, usableUntil, expiresAt, life };
}

/** A delay that `setTimeout` can take; who wakes too early looks at the clock and sleeps again. */
export const timerDelay = (delay: number, shortest = MIN_LIFE): number =>
  delay === Infinity ? delay : Math.min(Math.max(delay, shortest), MAX_TIMEOUT);

/**
 * Who has failed for a minute is past the quick attempts, however few there were: nobody may have asked in between.
 *
 * @param failures in a row. @param since the first of them, ms.
 */
export const countFailures = (failures: number, since: number): number =>
  since > BACKOFF_TIME ? Math.max(failures, BACKOFF_STEPS + 1) : failures;

/**
 * How long to leave a failing source alone after so many failures in a row.
 *
 * Exponential with full jitter at first (1, 2, 4, 8, 16 s at the most), then every 21 to 30 s. However the dice fall
 * that is at most 8 requests in the first minute (six at once, then two) and at most 3 in each later one.
 *
 * @param failures in a row, 1 or more. @param random between 0 and 1. @param retryAfter what the endpoint asked for, ms.
 * @param requests that the last attempt took: so many pauses.
 */
export function retryDelay(failures: number, random: number, retryAfter = 0, requests = 1): number {
  const delay =
    failures > BACKOFF_STEPS
      ? STEADY_PACE + random * STEADY_SPREAD
      : random * BACKOFF_BASE * 2 ** (failures - 1);
  return Math.max(requests * delay, Math.min(retryAfter, MAX_RETRY_AFTER));
}

/** How long a manager that has no token, and that nobody calls, leaves the source alone. */
export const aloneDelay = (failures: number, random: number): number =>
  failures > BACKOFF_STEPS ? ALONE_PACE + random * ALONE_SPREAD : 0;

/**
 * The same for a refresh that failed while the old token still lived, so that nobody had to wait: an outage must not
 * end in a stampede. The first comes before the old token ends; while it lives the others follow every third of a
 * lifetime, 50 to 150 s at most; after its end every page comes back within a minute of the source.
 *
 * @param left of the time in which the old token serves, ms. @param life of the old token, ms.
 */
export function calmDelay(failures: number, random: number, left: number, life: number): number {
  const alone = ALONE_PACE + random * ALONE_SPREAD;
  if (failures > 1) return Math.min((0.5 + random) * Math.min(life / 3, CALM_PACE), Math.max(left, alone));
  return (0.5 + random / 2) * Math.max(0, Math.min(left, CALM_FIRST));
}
