import type { Held, State } from "../../../src/core/state.js";
import { empty } from "../../../src/core/state.js";

/** A token of 300 s that arrived at 0 on every clock: due at 240 s, usable until 290 s. */
export const held = (more: Partial<Held> = {}): Held => ({
  token: { value: "old" },
  promise: Promise.resolve("old"),
  refreshAt: 240_000,
  usableUntil: 290_000,
  expiresAt: 300_000,
  life: 300_000,
  refused: false,
  draw: 0,
  since: 0,
  at: 0,
  ...more,
});

/** An active manager with such a token; its clock has run since the token arrived. */
export const state = (more: Partial<State> = {}): State =>
  ({ ...empty("active", -Infinity), held: held(), ...more }) as State;

/** The instant `seconds` after the token arrived. */
export const after = (seconds: number) => ({ now: seconds * 1000, elapsed: seconds * 1000 });

/** A refresh in flight. */
export const refresh = { id: 1, stage: "asking", until: Infinity, heeds: "all" } as const;
