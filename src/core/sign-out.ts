import { CubeTokenError } from "../errors.js";
import { type Core, emit, update } from "./dispatch.js";
import { callOff, stopTimers } from "./run.js";
import { empty, type State } from "./state.js";

export const disposed = () =>
  new CubeTokenError("ERR_DISPOSED", "This manager was disposed. Create a new one.");
export const cleared = () =>
  new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Call getToken() again after signing in.");
export const superseded = () =>
  new CubeTokenError("ERR_CLEARED", "Another user signed in from another tab. Reload the page.");

/** The error for a call that waited while its manager was signed out or ended. */
export const ended = ({ phase }: Pick<State, "phase">): CubeTokenError =>
  phase === "disposed" ? disposed() : phase === "superseded" ? superseded() : cleared();

/** Resets the manager: no token, timer or listener is left, and pending calls reject with `reason`. */
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

/** Signs out this tab only. */
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

/** Signs out all tabs, and erases the stored token. */
export async function signOutAll(core: Core, from: "here" | "tab" = "here"): Promise<void> {
  const at = Date.now();
  // A token that another identity has stored is kept.
  const peers = core.phase === "superseded" ? undefined : core.peers;
  peers?.announce(at);
  signOut(core, from, cleared(), at);
  await peers?.erase();
  // Once more, for a tab that has started since and may have read the token before it was erased.
  peers?.announce(at);
}
