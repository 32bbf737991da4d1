import type { CubeTokenError } from "../errors.js";
import type { Plan } from "./schedule.js";
import type { Token } from "./token.js";

/** The token in service and its schedule. */
export interface Held extends Plan {
  readonly token: Token;
  /** What `getToken()` returns: one promise for all callers. */
  readonly promise: Promise<string>;
  /** Cube refused it. */
  readonly refused: boolean;
  /** Its place in the jitter. Tabs that share the token identify it by this. */
  readonly draw: number;
  /** When it was requested and when it arrived, on the local wall clock. */
  readonly since: number;
  readonly at: number;
}

/** What a refresh is doing right now. */
export type Stage =
  /** Looks in the storage for another tab's token. */
  | "reading"
  /** Waits until the next attempt is due. */
  | "pausing"
  /** Waits for the lock: another tab may be asking. */
  | "waiting"
  /** Asks the source. */
  | "asking"
  /** Stores the answer, and notifies the other tabs. */
  | "storing";

/** The one refresh in flight. The `Run` with the same `id` carries it out. */
export interface Refresh {
  readonly id: number;
  readonly stage: Stage;
  /** By `Clock.elapsed()`. A stage that lasts longer than this has stalled, whatever its timers do. */
  readonly until: number;
  /** Which results of another tab can end it: all, only failures, or none (it has to ask the source itself). */
  readonly heeds: "all" | "failures" | "nothing";
}

/** Limits the requests that all tabs together send to a failing source. Instants by `Clock.elapsed()`. */
interface Budget {
  /** Failures in a row: of the source, and fresh tokens that Cube refused. */
  readonly failures: number;
  /** When the first of them occurred. */
  readonly failingSince: number;
  /** The failures before the current token arrived. They count again if Cube refuses it at once. */
  readonly forgiven: number;
  /** The token that was still valid when the failures began: no caller had to wait. */
  readonly calm: Plan | undefined;
  /** When the source was last asked. */
  readonly askedAt: number;
  /** When it may be asked again in the background. */
  readonly retryAt: number;
  /** The same for a waiting caller: the first failures cause no pause. */
  readonly callAt: number;
  /** When the manager asks again automatically although it has no valid token to replace. */
  readonly aloneAt: number;
  /** When `forceRefresh` and `online` skipped a pause, within the last minute. */
  readonly skips: readonly number[];
  /** How many fresh tokens Cube refused in a row, and the error to show once it is more than one. */
  readonly refusals: number;
  readonly verdict: CubeTokenError | undefined;
}

/** Active, or ready to be. */
interface Working {
  /** Idle before the first call and after a sign-out: no timer, no listener, no channel. */
  readonly phase: "idle" | "active";
  readonly held: Held | undefined;
  readonly refresh: Refresh | undefined;
  /** Why the last refresh failed. */
  readonly error: CubeTokenError | undefined;
}

/** Ended: another identity has taken over the key in another tab, or `dispose()` was called. Holds nothing. */
interface Ended {
  readonly phase: "superseded" | "disposed";
  readonly held: undefined;
  readonly refresh: undefined;
  readonly error: undefined;
}

/** Everything that a manager's decisions depend on, besides the clock. */
export type State = (Working | Ended) &
  Budget & {
    /** When it was last signed out, on the local wall clock. Tokens requested before that are ignored. */
    readonly clearedAt: number;
  };

/** What an event changes. */
export type Change = Partial<Working & Budget>;

/** The current time on the server, and by `Clock.elapsed()`. */
export interface Instant {
  readonly now: number;
  readonly elapsed: number;
}

/** The source may be asked at once. */
export const AT_ONCE = { retryAt: -Infinity, callAt: -Infinity, aloneAt: -Infinity };

/** The state without a token and without failures. */
export const empty = (phase: State["phase"], clearedAt: number): State => ({
  phase,
  held: undefined,
  refresh: undefined,
  error: undefined,
  clearedAt,
  failures: 0,
  failingSince: 0,
  forgiven: 0,
  calm: undefined,
  askedAt: -Infinity,
  skips: [],
  refusals: 0,
  verdict: undefined,
  ...AT_ONCE,
});

/** The current token, unless it has expired or was refused: the fallback if a refresh fails. */
export const live = ({ held }: Pick<State, "held">, now: number): Held | undefined =>
  held && !held.refused && now < held.expiresAt ? held : undefined;
