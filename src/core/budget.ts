import { CubeTokenError } from "../errors.js";
import { aloneDelay, CALM_LIFE, calmDelay, countFailures, MIN_LIFE, retryDelay } from "./schedule.js";
import { AT_ONCE, type Change, type Instant, live, type State } from "./state.js";

/** After up to this many failures in a row, a new caller does not wait, so that signing in again works at once. */
const FREE_FAILURES = 2;
/**
 * If the source returns the current token again (an endpoint that caches), the next request follows after half of the
 * token's remaining lifetime, within these bounds (ms), so that a newer one is found before this one expires.
 */
const UNCHANGED_PAUSE = [1000, 300_000] as const;
/** How many pauses per minute can be skipped. */
const MAX_SKIPS = 6;
const MINUTE = 60_000;

/** The failures in a row, since when, and which token was still valid when they began. */
function count(state: State, { now, elapsed }: Instant, failures: number) {
  const token = live(state, now);
  const failingSince = state.failures ? state.failingSince : elapsed;
  // The count may have begun with refusals of an earlier token.
  const begins = token || state.held?.refused || !state.failures;
  const calm = begins ? (token && token.life >= CALM_LIFE ? token : undefined) : state.calm;
  return { failingSince, calm, failures: countFailures(failures, elapsed - failingSince) };
}

type Counted = ReturnType<typeof count>;

const pauseUntil = (counted: Counted, retryAt: number, aloneAt: number, retryAfter?: number) => ({
  ...counted,
  retryAt,
  aloneAt,
  callAt: counted.failures > FREE_FAILURES || counted.calm || retryAfter ? retryAt : -Infinity,
});

/**
 * Counts one more failure, and decides how long the source is left alone from `since` on.
 *
 * @param failure the pause that the endpoint asked for (ms), and how many requests the attempt took: each adds a pause.
 */
export function fail(
  state: State,
  instant: Instant,
  random: number,
  since: number,
  { retryAfter, requests = 1 }: { retryAfter?: number | undefined; requests?: number } = {},
) {
  const taken = Math.max(requests, 1);
  const counted = count(state, instant, state.failures + taken);
  const { failures, calm } = counted;
  // Measured from request to request, however long the failure took.
  const { askedAt } = state;
  const wait = Math.max(
    retryDelay(failures, random, retryAfter, taken),
    calm ? askedAt - since + calmDelay(failures, random, calm.usableUntil - instant.now, calm.life) : 0,
  );
  const aloneAt = Math.max(since + wait, askedAt + aloneDelay(failures, random));
  return { ...pauseUntil(counted, since + wait, aloneAt, retryAfter), wait };
}

/** Applies another tab's failures: all tabs share one budget. @param wait the rest of its pause, in ms. */
export function failElsewhere(
  state: State,
  instant: Instant,
  random: number,
  failures: number,
  wait: number,
  retryAfter?: number,
) {
  const counted = count(state, instant, Math.max(state.failures, failures));
  const retryAt = Math.max(state.retryAt, instant.elapsed + wait);
  const aloneAt = Math.max(retryAt, instant.elapsed + aloneDelay(counted.failures, random));
  const pause = pauseUntil(counted, retryAt, aloneAt, retryAfter);
  // A longer pause after this tab's own failures (Retry-After) is kept.
  return state.failures ? { ...pause, callAt: Math.max(state.callAt, pause.callAt) } : pause;
}

/** Cube refused the current token. From the second refusal in a row on, the endpoint is to blame. */
export function refused(state: State, elapsed: number): Change {
  const refusals = state.refusals + 1;
  const verdict = refusals > 1 ? (state.verdict ?? refusedTokens()) : undefined;
  // A token that Cube refuses within a minute does not end a series of failures.
  const isNew = elapsed - state.askedAt < MINUTE;
  const failures = Math.max(state.failures, isNew ? state.forgiven : 0);
  return { held: { ...state.held!, refused: true }, refusals, verdict, failures };
}

export const refusedTokens = () =>
  new CubeTokenError(
    "ERR_INVALID_TOKEN",
    "Cube rejects this source's tokens. Does the endpoint sign with Cube's secret?",
  );

/** A token that went unrefused until its refresh was due shows that Cube accepts this source's tokens. */
export const hasLived = ({ held }: State, now: number): boolean =>
  !!held && !held.refused && now >= held.refreshAt;

/** The pause after the source has returned the current token again. */
export function rest({ held }: State, { now, elapsed }: Instant) {
  const [shortest, longest] = UNCHANGED_PAUSE;
  const retryAt = elapsed + Math.min(Math.max((held!.expiresAt - now) / 2, shortest), longest);
  return { retryAt, callAt: retryAt };
}

/** Ends the pause, if there is one. Returns `undefined` if pauses were skipped too often. */
export function skipPause(state: State, elapsed: number): Change | undefined {
  const { retryAt, callAt, askedAt, failures, skips } = state;
  const end = Math.max(retryAt, callAt);
  if (end <= elapsed) return {};
  // For a source that answers, the pause only prevents two requests within a second.
  if (!failures && end <= askedAt + MIN_LIFE) return AT_ONCE;
  const recent = skips.filter((at) => at > elapsed - MINUTE);
  return recent.length < MAX_SKIPS ? { ...AT_ONCE, skips: [...recent, elapsed] } : undefined;
}
