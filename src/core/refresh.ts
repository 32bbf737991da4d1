import { type CubeTokenError, isRetryable } from "../errors.js";
import { ask } from "../source/ask.js";
import { abort, abortable, throwIfAborted } from "./abort.js";
import { adopt, isSame, receive } from "./adopt.js";
import { fail, hasLived } from "./budget.js";
import { type Core, emit, update } from "./dispatch.js";
import type { Run } from "./run.js";
import { MAX_TIMEOUT, timerDelay } from "./schedule.js";
import { MAX_PAUSE, refreshIn } from "./serve.js";
import { live, type Refresh, type Stage, type State } from "./state.js";
import { isHidden } from "./wake.js";

/** A tab that holds the lock reads, asks for at most `requestTimeout`, and writes. If it takes this much longer, it is frozen. */
const LOCK_PATIENCE = 3000;
/** No attempt begins later than this after the first, so that a caller waits at most this plus one `requestTimeout`. */
const MAX_ATTEMPTS_TIME = 15_000;
/** Timers of hidden pages fire late. A stage that exceeds its bound by more than this has stalled. */
const SLACK = 5000;

/** What another tab got before this tab's turn: a new token, the current one again, or a failure. */
export type Heard = "refreshed" | "unchanged" | CubeTokenError;
/** Where the token came from; `undefined` if the source has nothing newer than the current one. */
export type Outcome = "source" | "storage" | undefined;

/** The refresh in its next stage. @param takes the longest that the stage can take, in ms. */
export const inStage = (core: Core, id: number, stage: Stage, takes: number): Refresh => ({
  heeds: "all",
  ...core.refresh,
  id,
  stage,
  until: core.clock.elapsed() + Math.min(takes, MAX_TIMEOUT) + SLACK,
});

const enter = (core: Core, { id }: Run, stage: Stage, takes = 0): void =>
  update(core, { refresh: inStage(core, id, stage, takes) });

/** Whether the refresh has to ask the source itself, also if a caller forced that after it began. */
const isForced = (core: Core): boolean => core.refresh?.heeds === "nothing";

/** Whether the source is being asked, or has been: other tabs' messages no longer help. */
export const hasAsked = ({ stage }: Refresh): boolean => stage === "asking" || stage === "storing";

/** Passes another tab's result to the refresh in flight. */
export function hear(core: Core, heard: Heard): void {
  const { refresh, run } = core;
  if (!refresh || !run || hasAsked(refresh)) return;
  if (refresh.heeds === "all" || (refresh.heeds === "failures" && heard !== "refreshed"))
    abort(run.waiting, heard);
}

/** Looks in the storage, otherwise asks the source when it is this tab's turn, with retries. */
export async function carryOut(core: Core, run: Run, pause: number): Promise<Outcome> {
  const { clock, peers, options } = core;
  const { signal } = run.controller;
  const forced = isForced(core);
  if (peers && !forced && (await peers.lookUp(signal)) && !isForced(core)) return "storage";
  let delay = pause;
  for (let attempt = 1; ; attempt++) {
    try {
      throwIfAborted(run.waiting.signal);
      if (delay > 0) await pauseFor(core, run, delay);
      throwIfAborted(run.waiting.signal);
      const work = () => attemptOnce(core, run, attempt);
      if (!peers?.isShared()) return await work();
      const patience = options.requestTimeout + LOCK_PATIENCE;
      enter(core, run, "waiting", 2 * patience);
      const onWait = () => emit(core, { type: "waiting" });
      return await peers
        .inTurn(work, patience, run.waiting.signal, onWait)
        .finally(() => tellLate(core, run));
    } catch (reason) {
      throwIfAborted(signal);
      run.waiting = new AbortController();
      const failure = reason as Heard;
      if (failure === "unchanged") return undefined;
      if (failure === "refreshed") {
        enter(core, run, "reading");
        if (await peers!.lookUpTwice(signal)) return "storage";
        // Further messages about tokens would only delay its turn.
        if (!isForced(core)) update(core, { refresh: { ...core.refresh!, heeds: "failures" } });
        delay = core.retryAt - clock.elapsed();
        attempt--;
        continue;
      }
      const wasOwn = core.refresh!.stage === "asking";
      const { now, elapsed } = clock.read();
      delay = core.retryAt - elapsed;
      const isLast =
        !isRetryable(failure) ||
        attempt > options.retries ||
        // No caller waits while the old token is valid.
        live(core, now) ||
        delay > MAX_PAUSE ||
        isTooLate(run, elapsed + delay);
      if (wasOwn) {
        const over = { ...core, refresh: undefined, error: failure } as State;
        const goesOn = options.autoRefresh && !isHidden();
        const last = goesOn ? timerDelay(refreshIn(over, { now, elapsed })) : Infinity;
        const next = Math.round(isLast ? last : Math.max(delay, 0));
        const retryIn = next < Infinity ? { retryIn: next } : {};
        emit(core, { type: "attemptfailed", error: failure, attempt, ...retryIn });
        throwIfAborted(signal);
      }
      if (isLast) throw failure;
      run.failed = failure;
    }
  }
}

const isTooLate = ({ firstAt = Infinity }: Run, elapsed: number): boolean =>
  elapsed - firstAt > MAX_ATTEMPTS_TIME;

async function pauseFor(core: Core, run: Run, delay: number): Promise<void> {
  enter(core, run, "pausing", delay);
  // Callers also wait through the pause before the first attempt.
  run.firstAt ??= core.clock.elapsed();
  let timer: ReturnType<typeof setTimeout>;
  const pause = new Promise<void>((resolve) => {
    run.hurry = resolve;
    // Timers drop fractions of a millisecond.
    timer = setTimeout(resolve, Math.ceil(delay));
  });
  await abortable(pause, run.waiting.signal).finally(() => clearTimeout(timer));
}

/** Emits the events of an attempt once the lock is released: no listener runs while it is held. */
function tellLate(core: Core, { late, controller }: Run): void {
  for (const event of late.splice(0)) if (!controller.signal.aborted) emit(core, event);
}

/** Runs in one tab at a time: reads the storage again, otherwise asks the source. */
async function attemptOnce(core: Core, run: Run, attempt: number): Promise<Outcome> {
  const { clock, peers, options } = core;
  const { signal } = run.controller;
  if (peers?.isShared() && !isForced(core)) {
    enter(core, run, "reading");
    if ((await peers.lookUp(signal)) && !isForced(core)) return "storage";
    throwIfAborted(run.waiting.signal);
  }
  const askedAt = clock.elapsed();
  // The wait for this tab's turn may have been long.
  if (run.failed && isTooLate(run, askedAt)) throw run.failed;
  run.firstAt ??= askedAt;
  clearTimeout(run.sameTask);
  run.sameTask = setTimeout(() => {
    run.sameTask = undefined;
  });
  update(core, { askedAt, refresh: inStage(core, run.id, "asking", options.requestTimeout) });
  const event = { type: "requested", attempt } as const;
  if (peers?.isShared()) run.late.push(event);
  else emit(core, event);
  throwIfAborted(signal);
  return askSource(core, run);
}

/** Asks the source once, stores its answer and notifies the other tabs. */
async function askSource(core: Core, run: Run): Promise<Outcome> {
  const { clock, peers, options, source } = core;
  const { signal } = run.controller;
  const since = Date.now();
  let requests = 0;
  try {
    const answer = await ask(source, {
      timeout: options.requestTimeout,
      refresh: signal,
      force: isForced(core),
      rejectedToken: core.held?.refused ? core.held.token.value : undefined,
      mayTakeTwo: core.askedAt >= core.aloneAt,
      onRequest: () => ++requests,
    });
    throwIfAborted(signal);
    // Adopt it at once: the next steps take time, and the page may be frozen in between.
    const lived = hasLived(core, clock.now()) && { refusals: 0, verdict: undefined };
    const received = receive(answer, since, Date.now());
    clock.learn(received.claims, answer.date, isSame(core, received));
    const change = adopt(core, received, clock.read(), Math.random(), source.about?.());
    update(core, { ...lived, ...change, refresh: inStage(core, run.id, "storing", 0) });
    await peers?.answered(signal, !!change.held);
    throwIfAborted(signal);
    return change.held && "source";
  } catch (error) {
    throwIfAborted(signal);
    const { code, status, retryAfter } = error as CubeTokenError;
    const { wait, ...change } = fail(core, clock.read(), Math.random(), clock.elapsed(), {
      retryAfter,
      requests,
    });
    update(core, change);
    peers?.tell({ type: "failed", code, status, retryAfter, failures: change.failures, wait });
    throw error;
  }
}
