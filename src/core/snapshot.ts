import type { TokenSnapshot } from "../types.js";
import { hasLived } from "./budget.js";
import { type Held, live, type State } from "./state.js";
import type { Token } from "./token.js";
import { withoutCause } from "./without-cause.js";

export const statusOf = (held: Held | undefined, now: number): TokenSnapshot["status"] => {
  if (!held) return "empty";
  if (!live({ held }, now)) return "expired";
  return now < held.refreshAt ? "fresh" : "stale";
};

/** How many ms until the status changes by time alone; `Infinity` for never. */
export const statusChangesIn = (held: Held | undefined, now: number): number => {
  if (!held || !live({ held }, now)) return Infinity;
  return (now < held.refreshAt ? held.refreshAt : held.expiresAt) - now;
};

/**
 * What `getSnapshot()` returns: the same object until something changes. If there are listeners, a new token
 * appears only once the refresh has ended: before that it is being stored while other tabs wait, and no listener is called.
 */
export function createSnapshot() {
  let shown: TokenSnapshot | undefined;
  let from: unknown[] = [];
  let of: Token | undefined;
  let id: number | undefined;
  return (state: State, now: number, isTold = false): TokenSnapshot => {
    const { held, refresh, verdict } = state;
    const { expiresAt = Infinity, refreshAt = 0, token } = held ?? {};
    if (shown && isTold && refresh && refresh.id === id && token !== of) return shown;
    of = token;
    id = refresh?.id;
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
