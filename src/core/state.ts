import type { CubeTokenError } from "../errors.js";
import type { ResolvedOptions } from "../options.js";
import { type Budget, FULL } from "./budget.js";
import type { Clock } from "./clock.js";
import type { Held } from "./held.js";
import type { Refresh } from "./refresh.js";

/** At work, or ready to. */
interface Working {
  /** Idle before the first call and after a sign-out: no timer, no listener, no channel. */
  readonly phase: "idle" | "active";
  readonly held: Held | undefined;
  /** The one refresh under way. */
  readonly refresh: Refresh | undefined;
  /** Why the last one failed. */
  readonly error: CubeTokenError | undefined;
}

/** At an end: another identity has taken over the key in another tab, or `dispose()`. It holds nothing. */
interface Ended {
  readonly phase: "superseded" | "disposed";
  readonly held: undefined;
  readonly refresh: undefined;
  readonly error: undefined;
}

/** All that a manager decides by, besides the clock. */
export type State = (Working | Ended) &
  Budget & {
    /** When it was last signed out, on the local wall clock: what was asked for before is not for it. */
    readonly clearedAt: number;
  };

/** The same with what does not change, and the clock. */
export type Known = State & {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  /** Of two managers with another identity the one made later has the key. On the local wall clock, and the monotonic one. */
  readonly madeAt: number;
  readonly made: number;
};

/** What an event changes. */
export type Change = Partial<Working & Budget>;

/** What time it is: on the server, and by `Clock.elapsed()`. */
export interface Instant {
  readonly now: number;
  readonly elapsed: number;
}

/** Nothing known, of no token and no failure. */
export const empty = (phase: State["phase"], clearedAt: number): State => ({
  phase,
  held: undefined,
  refresh: undefined,
  error: undefined,
  clearedAt,
  ...FULL,
});
