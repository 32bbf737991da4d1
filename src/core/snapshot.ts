import type { TokenSnapshot } from "../types.js";
import { hasLived } from "./budget.js";
import { type Held, live, type State } from "./state.js";
import { withoutCause } from "./without-cause.js";

export const statusOf = (held: Held | undefined, now: number): TokenSnapshot["status"] => {
  if (!held) return "empty";
  if (!live({ held }, now)) return "expired";
  return now < held.refreshAt ? "fresh" : "stale";
};

/** In so many ms the status changes by time alone; `Infinity` for never. */
export const statusChangesIn = (held: Held | undefined, now: number): number => {
  if (!held || !live({ held }, now)) return Infinity;
  return (now < held.refreshAt ? held.refreshAt : held.expiresAt) - now;
};

/** What `getSnapshot()` shows: the same object until something changes. */
export function createSnapshot() {
  let shown: TokenSnapshot | undefined;
  let from: unknown[] = [];
  return (state: State, now: number): TokenSnapshot => {
    const { held, refresh, verdict } = state;
    const { expiresAt = Infinity, refreshAt = 0, token } = held ?? {};
    const error = state.error ?? (hasLived(state, now) ? undefined : verdict);
    const status = statusOf(held, now);
    const refreshing = !!refresh;
    const next = [status, refreshing, expiresAt, refreshAt, token?.claims, error];
    if (shown && next.every((value, index) => value === from[index])) return shown;
    from = next;
    shown = Object.freeze({
      status,
      refreshing,
      ...(expiresAt < Infinity && { expiresAt, refreshAt }),
      ...(token?.claims && { claims: token.claims }),
      ...(error && { error: withoutCause(error) }),
    });
    return shown;
  };
}
