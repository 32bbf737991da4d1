import type { CubeTokenError } from "../errors.js";
import type { TokenEvent } from "../types.js";
import { abort } from "./abort.js";

/** Carries out one refresh: its promises and signals. The state refers to it by its `id`. */
export interface Run {
  readonly id: number;
  readonly promise: Promise<string>;
  /** The same, but resolves to the old token if the refresh fails while that one is valid. */
  readonly shared: Promise<string>;
  readonly resolve: (token: string | Promise<string>) => void;
  readonly reject: (reason: unknown) => void;
  /** Aborts the whole refresh. */
  readonly controller: AbortController;
  /** Aborts the wait for an attempt: another tab's result may make it unnecessary. */
  waiting: AbortController;
  /** Ends the pause before the next attempt. */
  hurry: (() => void) | undefined;
  /** When it first asked, or began the pause before that, by `Clock.elapsed()`. */
  firstAt: number | undefined;
  /** Why the previous attempt failed. */
  failed: CubeTokenError | undefined;
  /** Set during the task in which it began to ask: a forced call of the same task shares that request. */
  sameTask: ReturnType<typeof setTimeout> | undefined;
  /** Events to emit once the lock is released. */
  readonly late: TokenEvent[];
  /** The previous refresh's token expired before any caller got it. */
  again: boolean;
  /** See `join()`. */
  readonly watchdogs: Map<number, ReturnType<typeof setTimeout>>;
}

let ids = 0;

/** @param old returns the token to fall back on if the refresh fails. */
export function createRun(again: boolean, old: () => Promise<string> | undefined): Run {
  let resolve!: Run["resolve"];
  let reject!: Run["reject"];
  const promise = new Promise<string>((...settle) => ([resolve, reject] = settle));
  const controller = new AbortController();
  const shared = promise.catch((error) => {
    if (controller.signal.aborted) throw error;
    const token = old();
    if (!token) throw error;
    return token;
  });
  // Nothing awaits a background refresh: this prevents an unhandled rejection.
  shared.catch(() => {});
  return {
    id: ++ids,
    promise,
    shared,
    resolve,
    reject,
    controller,
    waiting: new AbortController(),
    hurry: undefined,
    firstAt: undefined,
    failed: undefined,
    sameTask: undefined,
    late: [],
    again,
    watchdogs: new Map(),
  };
}

/** Aborts everything that the refresh has started. */
export function callOff({ controller, waiting }: Run, reason: unknown): void {
  abort(controller, reason);
  abort(waiting, reason);
}

export function stopTimers({ watchdogs, sameTask }: Run): void {
  for (const timer of watchdogs.values()) clearTimeout(timer);
  watchdogs.clear();
  clearTimeout(sameTask);
}
