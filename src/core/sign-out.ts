import { CubeTokenError } from "../errors.js";
import { type Core, emit, update } from "./dispatch.js";
import { callOff, stopTimers } from "./run.js";
import { empty, type State } from "./state.js";

export const disposed = () =>
  new CubeTokenError("ERR_DISPOSED", "This manager was disposed. Create a new one.");
export const cleared = () =>
  new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Call getToken() again after signing in.");
export const superseded = () =>
  new CubeTokenError("ERR_CLEARED", "Another user has signed in, in another tab. Reload the page.");

/** What a call is told that waited for a manager which holds nothing any more. */
export const ended = ({ phase }: Pick<State, "phase">): CubeTokenError =>
  phase === "disposed" ? disposed() : phase === "superseded" ? superseded() : cleared();

/** Back to nothing: no token, no timer, no listener, and who waits is told why. */
export function stop(core: Core, phase: State["phase"], reason: CubeTokenError, at = 0): void {
  update(core, empty(phase, at));
  core.source.forget?.();
  core.connect = undefined;
  core.disconnect?.();
  core.disconnect = undefined;
  core.peers?.close();
  core.session.over = reason;
  core.session = {};
  core.queued = undefined;
  const { run } = core;
  if (!run) return;
  core.run = undefined;
  stopTimers(run);
  callOff(run, reason);
  run.reject(reason);
}

/** Signs out this tab alone. */
export function signOut(
  core: Core,
  from: "here" | "tab" | "identity",
  reason: CubeTokenError,
  at = Date.now(),
): void {
  const changed = core.held ?? core.refresh ?? core.error;
  const phase = from === "identity" ? "superseded" : "idle";
  stop(core, core.phase === "disposed" ? core.phase : phase, reason, at);
  if (changed) emit(core, { type: "cleared", from });
}

/** Signs out all tabs, and erases what is stored. */
export async function signOutAll(core: Core, from: "here" | "tab" = "here"): Promise<void> {
  const at = Date.now();
  // What another identity has stored is theirs.
  const peers = core.phase === "superseded" ? undefined : core.peers;
  peers?.announce(at);
  signOut(core, from, cleared(), at);
  await peers?.erase();
  // Once more, for a tab that has begun meanwhile and may have read what was being erased.
  peers?.announce(at);
}
