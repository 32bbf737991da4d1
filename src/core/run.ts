import type { CubeTokenError } from "../errors.js";
import type { TokenEvent } from "../types.js";
import { abort } from "./abort.js";

/** What carries out one refresh: its promises and signals. The state knows it by its number. */
export interface Run {
  readonly id: number;
  readonly promise: Promise<string>;
  /** The same, but with the old token should it fail while that one lives. */
  readonly shared: Promise<string>;
  readonly resolve: (token: string | Promise<string>) => void;
  readonly reject: (reason: unknown) => void;
  /** Of all of it. */
  readonly controller: AbortController;
  /** Of the wait for an attempt: another tab's work may do. */
  waiting: AbortController;
  /** Ends the pause before the next attempt. */
  hurry: (() => void) | undefined;
  /** When it first asked, or began to wait until it may, by `Clock.elapsed()`. */
  firstAt: number | undefined;
  /** Why the attempt before failed. */
  failed: CubeTokenError | undefined;
  /** Runs while the task in which it has begun to ask does: a forced call may share that. */
  sameTask: ReturnType<typeof setTimeout> | undefined;
  /** What is told once the lock is free. */
  readonly late: TokenEvent[];
  /** The token of the one before was dead before anybody had it. */
  again: boolean;
  /** See `join()`. */
  readonly watchdogs: Map<number, ReturnType<typeof setTimeout>>;
}

let ids = 0;

/** @param old the token that serves should this fail. */
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
  // A refresh in the background has nobody to tell.
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

/** Calls off what it has begun. */
export function callOff({ controller, waiting }: Run, reason: unknown): void {
  abort(controller, reason);
  abort(waiting, reason);
}

export function stopTimers({ watchdogs, sameTask }: Run): void {
  for (const timer of watchdogs.values()) clearTimeout(timer);
  watchdogs.clear();
  clearTimeout(sameTask);
}
