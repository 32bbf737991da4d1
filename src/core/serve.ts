import { isRetryable } from "../errors.js";
import { type Instant, live, type State } from "./state.js";

/** The longest pause before an attempt that a caller is made to sit through. */
export const MAX_PAUSE = 10_000;

/**
 * What a call gets: the token that is held; the same, while a refresh begins in the background; what comes of the one
 * refresh, which begins unless it is under way; or at once the last error.
 */
export type Service = "token" | "stale" | "refresh" | "error";

export function serve(state: State, force: boolean, { now, elapsed }: Instant): Service {
  const { held, refresh } = state;
  if (!force && live(state, now)) {
    if (now < held!.usableUntil) return now < held!.refreshAt ? "token" : "stale";
    // Its last moments: callers wait for the refresh, unless that has just failed.
    if (elapsed < state.retryAt && !refresh) return "token";
  }
  const pause = state.callAt - elapsed;
  if (refresh || pause <= 0) return "refresh";
  // Fresh tokens are refused: the caller shall see Cube's own answer, and notice when Cube takes the token again.
  if (!force && held && !state.error && now < held.expiresAt) return "token";
  return pause > MAX_PAUSE ? "error" : "refresh";
}

/** Until then (server's clock) the token goes out without a further look. */
export const freshUntil = ({ held }: State): number => (held && !held.refused ? held.refreshAt : -Infinity);

/** Whether it is time for a refresh, though nobody calls. */
export const isDue = (state: State, now: number): boolean =>
  state.held ? now >= freshUntil(state) : !!state.error;

/** In so many ms a refresh is due without a call; `Infinity` for never. */
export function refreshIn(state: State, { now, elapsed }: Instant): number {
  const { phase, refresh, error, retryAt, aloneAt } = state;
  if (phase !== "active" || refresh) return Infinity;
  const token = live(state, now);
  if (token) {
    const delay = Math.max(token.refreshAt - now, retryAt - elapsed);
    if (now + delay < token.expiresAt) return delay;
  }
  // Nothing to keep alive by then: it goes on only until a source that fails is back.
  return error && isRetryable(error) ? Math.max(retryAt - elapsed, aloneAt - elapsed, 0) : Infinity;
}

/** A refresh that has outlived its bounds is dead: on Cloudflare Workers its timers end with the request. */
export const isDead = ({ refresh }: State, elapsed: number): boolean => !!refresh && elapsed > refresh.until;
