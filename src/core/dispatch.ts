import type { CubeTokenError } from "../errors.js";
import type { ResolvedOptions } from "../options.js";
import type { Source } from "../source/source.js";
import type { TokenEvent } from "../types.js";
import type { Clock } from "./clock.js";
import type { Peers } from "./peers.js";
import type { Run } from "./run.js";
import type { Change, State } from "./state.js";
import { withoutCause } from "./without-cause.js";

/** The parts of a manager that never change. */
interface Fixed {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly source: Source;
  readonly peers: Peers | undefined;
  /** When the manager was created, by the wall and the monotonic clock. Of two identities, the later manager owns the key. */
  readonly madeAt: number;
  readonly made: number;
  /** Called after every change. Updates what depends on the state alone: the timer, the fast path. */
  readonly changed: () => void;
}

/** One manager: its state, which only {@link update} changes, and its parts. */
export type Core = State &
  Fixed & {
    /** Carries out the refresh in the state. */
    run: Run | undefined;
    /** A forced refresh that starts after the one in flight. */
    queued: Promise<string> | undefined;
    /** Lasts until the next sign-out or the manager's end. `over` is then the reason. */
    session: { over?: CubeTokenError };
    /** The synchronous part of the source is running. */
    isCallingSource: boolean;
    /** Starts listening to the page and the other tabs. Only the first read of the storage comes before it. */
    connect: (() => void) | undefined;
    /** Stops listening. */
    disconnect: (() => void) | undefined;
    /** `undefined` once the manager is disposed. */
    listeners: Set<(event: TokenEvent) => void> | undefined;
  };

/** Changes the state. A manager that has ended only changes to another ended phase. */
export function update(core: Core, change: Change | State): void {
  const hasEnded = core.phase === "superseded" || core.phase === "disposed";
  if (hasEnded && !change.phase) return;
  Object.assign(core, change);
  core.changed();
}

export function emit(core: Core, event: TokenEvent): void {
  const shown = "error" in event ? { ...event, error: withoutCause(event.error) } : event;
  for (const listener of [...(core.listeners ?? [])]) {
    // An earlier listener may have unsubscribed this one.
    if (!core.listeners?.has(listener)) continue;
    try {
      listener(shown);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }
}
