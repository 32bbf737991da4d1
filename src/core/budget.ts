import { CubeTokenError } from "../errors.js";
import { aloneDelay, CALM_LIFE, calmDelay, countFailures, MIN_LIFE, retryDelay } from "./schedule.js";
import { AT_ONCE, type Change, type Instant, live, type State } from "./state.js";

/** So many failures in a row do not make a new caller wait: whoever signs in again gets a token at once. */
const FREE_FAILURES = 2;
/**
 * A source that answers the token we have (an endpoint that caches) is asked again after half of what is left of it,
 * within these bounds: before it is dead, whenever the endpoint renews it.
 */
const UNCHANGED_PAUSE = [1000, 300_000] as const;
/** So many pauses a minute can be skipped. */
const MAX_SKIPS = 6;
const MINUTE = 60_000;

/** So many failures in a row by now. */
function count(state: State, { now, elapsed }: Instant, failures: number) {
  const token = live(state, now);
  const failingSince = state.failures ? state.failingSince : elapsed;
  // Refusals of a token before may have begun them.
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
 * One more failure, and how long the source is left alone from `since` on.
 *
 * @param failure what the endpoint asked for (ms), and how many requests the attempt took: each has its pause.
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
  // From request to request, however long the failure took.
  const { askedAt } = state;
  const wait = Math.max(
    retryDelay(failures, random, retryAfter, taken),
    calm ? askedAt - since + calmDelay(failures, random, calm.usableUntil - instant.now, calm.life) : 0,
  );
  const aloneAt = Math.max(since + wait, askedAt + aloneDelay(failures, random));
  return { ...pauseUntil(counted, since + wait, aloneAt, retryAfter), wait };
}

/** The failures of another tab: one budget for all. @param wait what is left of its pause. */
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
  // A longer pause after one's own failures (Retry-After) stays.
  return state.failures ? { ...pause, callAt: Math.max(state.callAt, pause.callAt) } : pause;
}

/** Cube refused the token that is held. From the second in a row on it is the endpoint's fault. */
export function refused(state: State, elapsed: number): Change {
  const refusals = state.refusals + 1;
  const verdict = refusals > 1 ? (state.verdict ?? refusedTokens()) : undefined;
  // A token of no use does not end a series of failures.
  const isNew = elapsed - state.askedAt < MINUTE;
  const failures = Math.max(state.failures, isNew ? state.forgiven : 0);
  return { held: { ...state.held!, refused: true }, refusals, verdict, failures };
}

export const refusedTokens = () =>
  new CubeTokenError(
    "ERR_INVALID_TOKEN",
    "Cube refuses the tokens of this source. Does the endpoint sign with Cube's secret?",
  );

/** A token that went unrefused until its refresh was due shows that Cube takes them. */
export const hasLived = ({ held }: State, now: number): boolean =>
  !!held && !held.refused && now >= held.refreshAt;

/** The source has nothing better than the token that is held. */
export function rest({ held }: State, { now, elapsed }: Instant) {
  const [shortest, longest] = UNCHANGED_PAUSE;
  const retryAt = elapsed + Math.min(Math.max((held!.expiresAt - now) / 2, shortest), longest);
  return { retryAt, callAt: retryAt };
}

/** Ends the pause, where there is one; `undefined` where that was done too often. */
export function skipPause(state: State, elapsed: number): Change | undefined {
  const { retryAt, callAt, askedAt, failures, skips } = state;
  const end = Math.max(retryAt, callAt);
  if (end <= elapsed) return {};
  // A source that answers is only kept from being asked twice a second.
  if (!failures && end <= askedAt + MIN_LIFE) return AT_ONCE;
  const recent = skips.filter((at) => at > elapsed - MINUTE);
  return recent.length < MAX_SKIPS ? { ...AT_ONCE, skips: [...recent, elapsed] } : undefined;
}
