import { CubeTokenError } from "../errors.js";
import { abort } from "./abort.js";
import { type Core, emit, set } from "./dispatch.js";
import { empty, type State } from "./state.js";

export const disposed = () =>
  new CubeTokenError("ERR_DISPOSED", "This manager was disposed. Create a new one.");
export const cleared = () =>
  new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Call getToken() again after signing in.");
export const superseded = () =>
  new CubeTokenError("ERR_CLEARED", "Another user has signed in, in another tab. Reload the page.");

/** Back to nothing: no token, no timer, no listener, and who waits is told why. */
export function stop(core: Core, phase: State["phase"], reason: CubeTokenError, at = 0): void {
  const { refresh, shared } = core;
  set(core, empty(phase, at));
  core.stopWaking?.();
  core.stopWaking = undefined;
  shared?.turn?.end();
  shared?.channel?.close();
  if (refresh) {
    abort(refresh.controller, reason);
    abort(refresh.waiting, reason);
  }
}

/** Signs out this tab alone. */
export function signOut(
  core: Core,
  phase: "idle" | "superseded",
  reason: CubeTokenError,
  at = Date.now(),
): void {
  const changed = core.held ?? core.refresh ?? core.error;
  stop(core, core.phase === "disposed" ? core.phase : phase, reason, at);
  if (changed) emit(core, { type: "cleared" });
}

/** Signs out all tabs, and erases what is stored. */
export async function signOutAll(core: Core): Promise<void> {
  const at = Date.now();
  // What another identity has stored is theirs.
  const shared = core.phase === "superseded" ? undefined : core.shared;
  shared?.announce(core, at);
  signOut(core, "idle", cleared(), at);
  await shared?.storage.write(null);
  // Once more, for a tab that has begun meanwhile and may have read what was being erased.
  shared?.announce(core, at);
}
