import { live } from "./held.js";
import { CALM_LIFE, calmDelay, countFailures, type Plan, retryDelay } from "./schedule.js";
import type { Instant, State } from "./state.js";

/** So many failures in a row do not make a new caller wait: whoever signs in again gets a token at once. */
const FREE_FAILURES = 2;
/**
 * A source that answers the token we have (an endpoint that caches) is asked again after half of what is left of it,
 * within these bounds: before it is dead, whenever the endpoint renews it.
 */
const UNCHANGED_PAUSE = [1000, 300_000] as const;

/** How a failing source is spared: the requests that all tabs may send together. Instants by `Clock.elapsed()`. */
export interface Budget {
  /** In a row: of the source, and fresh tokens that Cube refused. */
  readonly failures: number;
  /** The first of them. */
  readonly failingSince: number;
  /** The token that still served when they began: nobody had to wait. */
  readonly calm: Plan | undefined;
  /** When the source was last asked. */
  readonly askedAt: number;
  /** When it may be asked again in the background. */
  readonly retryAt: number;
  /** The same for a caller who waits: the first failures are free. */
  readonly callAt: number;
}

/** The source may be asked at once. */
export const AT_ONCE = { retryAt: -Infinity, callAt: -Infinity };

export const FULL: Budget = {
  failures: 0,
  failingSince: 0,
  calm: undefined,
  askedAt: -Infinity,
  ...AT_ONCE,
};

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

const pauseUntil = (counted: Counted, retryAt: number, retryAfter?: number) => ({
  ...counted,
  retryAt,
  callAt: counted.failures > FREE_FAILURES || counted.calm || retryAfter ? retryAt : -Infinity,
});

/** One more failure, and how long the source is left alone from `since` on. */
export function fail(state: State, instant: Instant, random: number, since: number, retryAfter?: number) {
  const counted = count(state, instant, state.failures + 1);
  const { usableUntil, life } = counted.calm ?? { usableUntil: 0, life: 0 };
  const wait = Math.max(
    retryDelay(counted.failures, random, retryAfter),
    calmDelay(counted.failures, random, usableUntil - instant.now, life),
  );
  return { ...pauseUntil(counted, since + wait, retryAfter), wait };
}

/** The failures of another tab: one budget for all. @param wait what is left of its pause. */
export const failElsewhere = (
  state: State,
  instant: Instant,
  failures: number,
  wait: number,
  retryAfter?: number,
) =>
  pauseUntil(
    count(state, instant, Math.max(state.failures, failures)),
    Math.max(state.retryAt, instant.elapsed + wait),
    retryAfter,
  );

/** The source has nothing better than the token that is held. */
export function rest({ held }: State, { now, elapsed }: Instant) {
  const [shortest, longest] = UNCHANGED_PAUSE;
  const retryAt = elapsed + Math.min(Math.max((held!.expiresAt - now) / 2, shortest), longest);
  return { retryAt, callAt: retryAt };
}
