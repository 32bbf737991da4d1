import type { TokenSnapshot } from "../types.js";
import { live } from "./held.js";
import type { State } from "./state.js";

/** What `getSnapshot()` shows: the same object until something changes. */
export function createSnapshot() {
  let shown: TokenSnapshot | undefined;
  let from: unknown[] = [];
  return (state: State, now: number): TokenSnapshot => {
    const { held, refresh, error } = state;
    const { expiresAt = Infinity, refreshAt = 0, token } = held ?? {};
    const status = !held ? "empty" : !live(state, now) ? "expired" : now >= refreshAt ? "stale" : "fresh";
    const refreshing = !!refresh;
    const next = [status, refreshing, expiresAt, refreshAt, token?.claims, error];
    if (shown && next.every((value, index) => value === from[index])) return shown;
    from = next;
    shown = Object.freeze({
      status,
      refreshing,
      ...(expiresAt < Infinity && { expiresAt, refreshAt }),
      ...(token?.claims && { claims: token.claims }),
      ...(error && { error }),
    });
    return shown;
  };
}
