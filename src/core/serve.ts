import { isRetryable } from "../errors.js";
import { type Instant, live, type State } from "./state.js";

/** The longest pause before an attempt that a caller has to wait through (ms). */
export const MAX_PAUSE = 10_000;

/**
 * What a call gets: the current token; the same, while a refresh starts in the background; the result of the one
 * refresh, which starts unless it is in flight; or the last error at once.
 */
export type Service = "token" | "stale" | "refresh" | "error";

export function serve(state: State, force: boolean, { now, elapsed }: Instant): Service {
  const { held, refresh } = state;
  if (!force && live(state, now)) {
    if (now < held!.usableUntil) return now < held!.refreshAt ? "token" : "stale";
    // Shortly before expiry callers wait for the refresh, unless it has just failed.
    if (elapsed < state.retryAt && !refresh) return "token";
  }
  const pause = state.callAt - elapsed;
  if (refresh || pause <= 0) return "refresh";
  // Cube refuses fresh tokens: callers should see Cube's own answer, and notice when Cube accepts the token again.
  if (!force && held && !state.error && now < held.expiresAt) return "token";
  return pause > MAX_PAUSE ? "error" : "refresh";
}

/** Until this instant, on the server's clock, the token is returned without further checks. */
export const freshUntil = ({ held }: State): number => (held && !held.refused ? held.refreshAt : -Infinity);

/** Whether a refresh is due even without a call. */
export const isDue = (state: State, now: number): boolean =>
  state.held ? now >= freshUntil(state) : !!state.error;

/** How many ms until a refresh is due without a call; `Infinity` for never. */
export function refreshIn(state: State, { now, elapsed }: Instant): number {
  const { phase, refresh, error, retryAt, aloneAt } = state;
  if (phase !== "active" || refresh) return Infinity;
  const token = live(state, now);
  if (token) {
    const delay = Math.max(token.refreshAt - now, retryAt - elapsed);
    if (now + delay < token.expiresAt) return delay;
  }
  // No valid token by then: the manager only continues until a failing source recovers.
  return error && isRetryable(error) ? Math.max(retryAt - elapsed, aloneAt - elapsed, 0) : Infinity;
}

/** Whether a refresh has exceeded its bounds and stalled: on Cloudflare Workers its timers end with the request. */
export const isDead = ({ refresh }: State, elapsed: number): boolean => !!refresh && elapsed > refresh.until;
