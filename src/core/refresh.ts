import { type CubeTokenError, isRetryable } from "../errors.js";
import { ask } from "../source/source.js";
import { abort, abortable, throwIfAborted } from "./abort.js";
import { adopt } from "./adopt.js";
import { fail } from "./budget.js";
import { type Core, set, tell } from "./dispatch.js";
import { live } from "./held.js";
import { MAX_PAUSE } from "./serve.js";

/** A tab that has the lock reads, asks for at most `requestTimeout`, and writes: longer than this it is frozen. */
const LOCK_PATIENCE = 3000;

/** What another tab has got before it was this tab's turn: a token, the one that we have once more, or a failure. */
export type Heard = "refreshed" | "unchanged" | CubeTokenError;
/** Where the token came from; nowhere, where the source has nothing better than the one held. */
export type Outcome = "source" | "storage" | undefined;

/** The one refresh under way. */
export interface Refresh {
  /** It has to ask the source, whatever other tabs have got. */
  readonly force: boolean;
  promise: Promise<string>;
  /** The same, but with the old token should it fail while that one lives. */
  shared: Promise<string>;
  /** The token of the one before was dead before anybody had it. */
  again?: boolean;
  /** Of all of it. */
  readonly controller: AbortController;
  /** Of the wait for its turn: another tab's work may do. */
  waiting: AbortController;
  /** It asks the source: nothing that another tab says is of use. */
  asking?: boolean;
  /** The storage did not bring it another tab's token: more news of tokens would only keep it from its turn. */
  deaf?: boolean;
  /** Ends the pause before the next attempt. */
  hurry?: () => void;
}

export const createRefresh = (force: boolean) =>
  ({
    force,
    controller: new AbortController(),
    waiting: new AbortController(),
  }) as Refresh;

/** What another tab says, to the refresh under way. */
export function report({ force, asking, deaf, waiting }: Refresh, heard: Heard): void {
  if (!force && !asking && !(deaf && heard === "refreshed")) abort(waiting, heard);
}

/** Looks into the storage, else asks the source when it is this tab's turn, as often as it takes. */
export async function run(core: Core, refresh: Refresh, pause: number): Promise<Outcome> {
  const { clock, shared, options } = core;
  const { signal } = refresh.controller;
  if (shared && !refresh.force && (await shared.lookUp(core, signal))) return "storage";
  for (let attempt = 0, delay = pause; ; attempt++) {
    try {
      const { signal } = refresh.waiting;
      throwIfAborted(signal);
      if (delay > 0) await pauseFor(refresh, delay);
      throwIfAborted(signal);
      const work = () => askOnce(core, refresh);
      return await (shared?.turn?.take(work, options.requestTimeout + LOCK_PATIENCE, signal) ?? work());
    } catch (reason) {
      throwIfAborted(signal);
      refresh.waiting = new AbortController();
      refresh.asking = false;
      const failure = reason as Heard;
      if (failure === "unchanged") return;
      if (failure === "refreshed") {
        if (await shared!.lookUpTwice(core, signal)) return "storage";
        refresh.deaf = true;
        attempt--;
      }
      delay = core.retryAt - clock.elapsed();
      // Nobody waits where the old token still serves.
      const over = live(core, clock.now()) || attempt >= options.retries || delay > MAX_PAUSE;
      if (failure !== "refreshed" && (over || !isRetryable(failure))) throw failure;
    }
  }
}

function pauseFor(refresh: Refresh, delay: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const pause = new Promise<void>((resolve) => {
    refresh.hurry = resolve;
    timer = setTimeout(resolve, delay);
  });
  return abortable(pause, refresh.waiting.signal).finally(() => clearTimeout(timer));
}

/** What one tab at a time does: reads the storage again, else asks the source once, stores its answer and says so. */
async function askOnce(core: Core, refresh: Refresh): Promise<Outcome> {
  const { clock, shared, options } = core;
  const { signal } = refresh.controller;
  if (shared?.turn && !refresh.force) {
    if (await shared.lookUp(core, signal)) return "storage";
    throwIfAborted(refresh.waiting.signal);
  }
  // From here on this tab has a word of its own.
  refresh.asking = true;
  set(core, { askedAt: clock.elapsed() });
  const since = Date.now();
  try {
    const rejected = core.held?.refused ? core.held.token.value : undefined;
    const answer = await ask(core.source, options.requestTimeout, signal, rejected);
    throwIfAborted(signal);
    // At once: what comes next takes its time, and the page may be frozen meanwhile.
    const change = adopt(core, answer, since, Date.now(), Math.random());
    set(core, change);
    await shared?.answered(core, signal, !!change.held);
    throwIfAborted(signal);
    return change.held && "source";
  } catch (error) {
    throwIfAborted(signal);
    const { code, status, retryAfter } = error as CubeTokenError;
    const { wait, ...change } = fail(core, clock.read(), Math.random(), clock.elapsed(), retryAfter);
    set(core, change);
    tell(core, { type: "failed", code, status, retryAfter, failures: change.failures, wait });
    throw error;
  }
}
