import { CubeTokenError } from "../errors.js";
import { expired } from "./adopt.js";
import { refusedTokens, skipPause } from "./budget.js";
import { type Core, emit, update } from "./dispatch.js";
import { carryOut, hasAsked, inStage, type Outcome } from "./refresh.js";
import { callOff, createRun, type Run, stopTimers } from "./run.js";
import { isDead, isDue, serve } from "./serve.js";
import { ended } from "./sign-out.js";
import { live } from "./state.js";

/** Answers one call. */
export function answer(core: Core, force = false): Promise<string> {
  replaceDead(core);
  const { run } = core;
  if (core.isCallingSource && !live(core, core.clock.now())) {
    const message = "getToken() was called by the source that it waits for. Ask for the token without it.";
    return Promise.reject(new CubeTokenError("ERR_SOURCE", message));
  }
  // What is asked already may be what the caller wants replaced.
  if (force && run && hasAsked(core.refresh!) && !run.sameTask) return queue(core, run);
  if (force) hurry(core);
  const instant = core.clock.read();
  const { held } = core;
  const service = serve(core, force, instant);
  if (service === "error") return Promise.reject(core.error ?? core.verdict ?? refusedTokens());
  if (service === "refresh") {
    const stored = core.connect && !force ? recall(core) : undefined;
    if (stored) return stored;
    const current = run ?? begin(core, core.callAt - instant.elapsed, force);
    return join(core, current, force ? current.promise : current.shared);
  }
  if (service === "stale") refreshInBackground(core);
  return held!.promise;
}

/** The first token of all, where the storage has one at once. */
function recall(core: Core): Promise<string> | undefined {
  const isFound = core.peers?.recallNow();
  if (isFound) {
    emit(core, { type: "refreshed", from: "storage" });
    check(core);
  }
  // A listener may have signed out, or the stored token be another user's.
  if (core.phase !== "active" || (isFound && !core.held)) throw ended(core);
  return isFound ? core.held!.promise : undefined;
}

/** The refresh under way has to ask the source, and need not wait to, unless that was done too often. */
function hurry(core: Core): void {
  const { refresh, run } = core;
  if (refresh && !hasAsked(refresh)) update(core, { refresh: { ...refresh, heeds: "nothing" } });
  if (skipPauses(core)) run?.hurry?.();
}

/** Ends all pauses; false where that was done too often. */
export function skipPauses(core: Core): boolean {
  const change = skipPause(core, core.clock.elapsed());
  if (change) update(core, change);
  return !!change;
}

/** One forced refresh for all who ask for it while another is asking. */
function queue(core: Core, { promise }: Run): Promise<string> {
  const { session } = core;
  core.queued ??= promise
    .catch(() => {})
    .then(() => {
      // A listener, or who got the token, may have signed out.
      if (session.over) throw session.over;
      core.queued = undefined;
      return answer(core, true);
    });
  return core.queued;
}

export function refreshInBackground(core: Core): void {
  replaceDead(core);
  if (!core.refresh && core.clock.elapsed() >= core.retryAt) begin(core);
}

/** Refreshes if it is time. */
export function check(core: Core): void {
  if (isDue(core, core.clock.now())) refreshInBackground(core);
}

/** Starts the one refresh; who calls while it runs shares it. */
export function begin(core: Core, pause = 0, force = false, again = false): Run {
  const run = createRun(again, () => live(core, core.clock.now())?.promise);
  core.run = run;
  update(core, {
    refresh: { ...inStage(core, run.id, "reading", 0), heeds: force ? "nothing" : "all" },
  });
  core.connect?.();
  const isOver = () => core.run !== run;
  emit(core, { type: "refreshing" });
  if (isOver()) return run;
  carryOut(core, run, pause).then(
    (from) => isOver() || succeed(core, run, from),
    (error) => {
      if (isOver()) return;
      forget(core, run);
      update(core, { refresh: undefined, error });
      emit(core, { type: "refreshfailed", error });
      run.reject(error);
    },
  );
  return run;
}

function forget(core: Core, run: Run): void {
  stopTimers(run);
  core.run = undefined;
}

/** The refresh has a token. */
function succeed(core: Core, run: Run, from: Outcome): void {
  forget(core, run);
  update(core, { refresh: undefined, error: undefined });
  const { promise, expiresAt } = core.held!;
  emit(core, from ? { type: "refreshed", from } : { type: "refreshing" });
  // What comes from the source is left alone for a second, however short it lives.
  if (from !== "source") check(core);
  // A listener may have signed out.
  if (!core.held) run.reject(ended(core));
  else if (core.clock.now() < expiresAt) run.resolve(promise);
  // The page may have been frozen between the token's arrival and now; once more, and the source is to blame.
  else if (run.again) run.reject(expired(core.source.about?.()));
  else {
    run.resolve(answer(core));
    if (core.run) core.run.again = true;
  }
}

/** A refresh whose timers ended with their page or request: another takes its place, and all wait for that. */
function replaceDead(core: Core): void {
  const { run, refresh } = core;
  if (!run || !isDead(core, core.clock.elapsed())) return;
  // Frozen while it stored the token, which is there.
  if (refresh!.stage === "storing" && live(core, core.clock.now())) {
    succeed(core, run, "source");
    callOff(run, DEAD);
    return;
  }
  forget(core, run);
  const next = begin(core, 0, refresh!.heeds === "nothing");
  run.resolve(next.promise);
  callOff(run, DEAD);
}

const DEAD = new CubeTokenError("ERR_TIMEOUT", "This attempt took too long.");

/**
 * Waits for a refresh, and for another should it die. On Cloudflare Workers only a timer and a promise of the caller's own
 * request are sure to go on: what waits for a promise of a request that has ended is never called.
 */
function join(core: Core, run: Run, promise: Promise<string>): Promise<string> {
  if (core.run !== run) return promise;
  const { session } = core;
  const own = new Promise<string>((resolve, reject) => {
    promise.then(resolve, reject);
    const now = core.clock.elapsed();
    if (run.watchdogs.has(now)) return;
    const watch = () => {
      if (core.run === run) replaceDead(core);
      if (core.run === run) arm();
      else if (session.over) reject(session.over);
      else resolve(answer(core));
    };
    const arm = () => {
      const timer = setTimeout(watch, core.refresh!.until - core.clock.elapsed() + 1);
      (timer as { unref?(): void }).unref?.();
      run.watchdogs.set(now, timer);
    };
    arm();
  });
  // Whoever does not wait for it need not hear of it.
  own.catch(() => {});
  return own;
}
