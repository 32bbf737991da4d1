import type { CubeTokenError } from "../errors.js";
import type { ResolvedOptions } from "../options.js";
import type { Source } from "../source/source.js";
import type { TokenEvent } from "../types.js";
import type { Clock } from "./clock.js";
import type { Peers } from "./peers.js";
import type { Run } from "./run.js";
import type { Change, State } from "./state.js";
import { withoutCause } from "./without-cause.js";

/** What a manager is made of, and does not change. */
export interface Fixed {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly source: Source;
  readonly peers: Peers | undefined;
  /** Of two managers with another identity the one made later has the key. On the local wall clock, and the monotonic one. */
  readonly madeAt: number;
  readonly made: number;
  /** What follows from every change, and from the state alone: the timer, the fast path. */
  readonly changed: () => void;
}

/** One manager: its state, which {@link update} alone changes, and what it works with. */
export type Core = State &
  Fixed & {
    /** Carries out the refresh that the state knows. */
    run: Run | undefined;
    /** A forced refresh that follows on the one under way. */
    queued: Promise<string> | undefined;
    /** Until the next sign-out, or the end: then it says why it is over. */
    session: { over?: CubeTokenError };
    /** The source is being called, right now. */
    isCallingSource: boolean;
    /** Starts to listen to the page and the other tabs, before anything but the first look into the storage. */
    connect: (() => void) | undefined;
    /** Ends that. */
    disconnect: (() => void) | undefined;
    /** `undefined` once it is disposed. */
    listeners: Set<(event: TokenEvent) => void> | undefined;
  };

/** Changes the state. What has ended changes only into another end. */
export function update(core: Core, change: Change | State): void {
  const hasEnded = core.phase === "superseded" || core.phase === "disposed";
  if (hasEnded && !change.phase) return;
  Object.assign(core, change);
  core.changed();
}

export function emit(core: Core, event: TokenEvent): void {
  const shown = "error" in event ? { ...event, error: withoutCause(event.error) } : event;
  for (const listener of [...(core.listeners ?? [])]) {
    // One before it may have ended it.
    if (!core.listeners?.has(listener)) continue;
    try {
      listener(shown);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }
}
