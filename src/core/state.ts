import type { CubeTokenError } from "../errors.js";
import type { Plan } from "./schedule.js";
import type { Token } from "./token.js";

/** The token in service, and the plan of its life. */
export interface Held extends Plan {
  readonly token: Token;
  /** What `getToken()` resolves to: one promise for all callers. */
  readonly promise: Promise<string>;
  /** Cube refused it. */
  readonly refused: boolean;
  /** Its place in the jitter; the tabs that share it know it by this. */
  readonly draw: number;
  /** When it was asked for, and when it came, on the local wall clock. */
  readonly since: number;
  readonly at: number;
}

/** What a refresh is doing right now. */
export type Stage =
  /** Looks into the storage for another tab's token. */
  | "reading"
  /** Waits until the next attempt is due. */
  | "pausing"
  /** Waits for the lock: another tab may be asking. */
  | "waiting"
  /** Asks the source. */
  | "asking"
  /** Stores the answer, and tells the other tabs. */
  | "storing";

/** The one refresh under way. What carries it out is `Run`, known by the number. */
export interface Refresh {
  readonly id: number;
  readonly stage: Stage;
  /** By `Clock.elapsed()`: a stage that lasts longer than this has died, whatever its timers say. */
  readonly until: number;
  /** What another tab's news can do: end it, only a failure can, or nothing can (it has to ask the source itself). */
  readonly heeds: "all" | "failures" | "nothing";
}

/** How a failing source is spared: the requests that all tabs may send together. Instants by `Clock.elapsed()`. */
interface Budget {
  /** In a row: of the source, and fresh tokens that Cube refused. */
  readonly failures: number;
  /** The first of them. */
  readonly failingSince: number;
  /** Those before the token in service came: they count again should Cube refuse it at once. */
  readonly forgiven: number;
  /** The token that still served when they began: nobody had to wait. */
  readonly calm: Plan | undefined;
  /** When the source was last asked. */
  readonly askedAt: number;
  /** When it may be asked again in the background. */
  readonly retryAt: number;
  /** The same for a caller who waits: the first failures are free. */
  readonly callAt: number;
  /** When the manager asks again by itself though it has no token to keep alive. */
  readonly aloneAt: number;
  /** When `forceRefresh` and `online` skipped a pause, within the last minute. */
  readonly skips: readonly number[];
  /** Fresh tokens that Cube refused in a row, and what that means once it is more than one. */
  readonly refusals: number;
  readonly verdict: CubeTokenError | undefined;
}

/** At work, or ready to. */
interface Working {
  /** Idle before the first call and after a sign-out: no timer, no listener, no channel. */
  readonly phase: "idle" | "active";
  readonly held: Held | undefined;
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

/** What an event changes. */
export type Change = Partial<Working & Budget>;

/** What time it is: on the server, and by `Clock.elapsed()`. */
export interface Instant {
  readonly now: number;
  readonly elapsed: number;
}

/** The source may be asked at once. */
export const AT_ONCE = { retryAt: -Infinity, callAt: -Infinity, aloneAt: -Infinity };

/** Nothing known, of no token and no failure. */
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

/** The token that serves should a refresh fail. */
export const live = ({ held }: Pick<State, "held">, now: number): Held | undefined =>
  held && !held.refused && now < held.expiresAt ? held : undefined;
