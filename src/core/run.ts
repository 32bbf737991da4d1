import type { CubeTokenError } from "../errors.js";
import type { TokenEvent } from "../types.js";
import { abort } from "./abort.js";
import type { Core } from "./dispatch.js";
import { live } from "./state.js";

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
  /** When it first asked, by `Clock.elapsed()`. */
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

export function createRun(core: Core, again: boolean): Run {
  let resolve!: Run["resolve"];
  let reject!: Run["reject"];
  const promise = new Promise<string>((...settle) => ([resolve, reject] = settle));
  const controller = new AbortController();
  const shared = promise.catch((error) => {
    const held = live(core, core.clock.now());
    if (controller.signal.aborted || !held) throw error;
    return held.promise;
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

/** Who waits for it is told, and what it has begun is called off. */
export function endRun(core: Core, reason: unknown): void {
  const { run } = core;
  if (!run) return;
  forgetRun(core, run);
  abort(run.controller, reason);
  abort(run.waiting, reason);
  run.reject(reason);
}

/** It has no further part in the manager's life. */
export function forgetRun(core: Core, run: Run): void {
  for (const timer of run.watchdogs.values()) clearTimeout(timer);
  run.watchdogs.clear();
  clearTimeout(run.sameTask);
  if (core.run === run) core.run = undefined;
}
