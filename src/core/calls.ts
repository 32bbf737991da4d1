import { CubeTokenError } from "../errors.js";
import { expired } from "./adopt.js";
import { refusedTokens, skipPause } from "./budget.js";
import { type Core, emit, update } from "./dispatch.js";
import { carryOut, hasAsked, inStage, type Outcome } from "./refresh.js";
import { callOff, createRun, type Run, stopTimers } from "./run.js";
import { isDead, isDue, serve } from "./serve.js";
import { ended } from "./sign-out.js";
import { live } from "./state.js";

/** Answers one call of `getToken()`. */
export function answer(core: Core, force = false): Promise<string> {
  replaceDead(core);
  const { run } = core;
  if (core.isCallingSource && !live(core, core.clock.now())) {
    const message = "getToken() was called by the source it waits for. Request the token without it.";
    return Promise.reject(new CubeTokenError("ERR_SOURCE", message));
  }
  // A request in flight may return the very token that the caller wants replaced.
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

/** The first token, if a synchronous storage has one. */
function recall(core: Core): Promise<string> | undefined {
  const isFound = core.peers?.recallNow();
  if (isFound) {
    emit(core, { type: "refreshed", from: "storage" });
    check(core);
  }
  // A listener may have signed out, or the stored token may be another user's.
  if (core.phase !== "active" || (isFound && !core.held)) throw ended(core);
  return isFound ? core.held!.promise : undefined;
}

/** Makes the refresh in flight ask the source itself, and skips its pause unless pauses were skipped too often. */
function hurry(core: Core): void {
  const { refresh, run } = core;
  if (refresh && !hasAsked(refresh)) update(core, { refresh: { ...refresh, heeds: "nothing" } });
  if (skipPauses(core)) run?.hurry?.();
}

/** Ends all pauses. Returns false if pauses were skipped too often. */
export function skipPauses(core: Core): boolean {
  const change = skipPause(core, core.clock.elapsed());
  if (change) update(core, change);
  return !!change;
}

/** Queues one forced refresh for all callers that want one while another refresh is asking the source. */
function queue(core: Core, { promise }: Run): Promise<string> {
  const { session } = core;
  core.queued ??= promise
    .catch(() => {})
    .then(() => {
      // A listener, or a caller that got the token, may have signed out.
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

/** Starts a refresh if one is due. */
export function check(core: Core): void {
  if (isDue(core, core.clock.now())) refreshInBackground(core);
}

/** Starts the one refresh. Calls made while it runs share it. */
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

/** Ends a refresh that has a token. */
function succeed(core: Core, run: Run, from: Outcome): void {
  forget(core, run);
  update(core, { refresh: undefined, error: undefined });
  const { promise, expiresAt } = core.held!;
  emit(core, from ? { type: "refreshed", from } : { type: "refreshing" });
  // A token from the source is not refreshed for a second, however short-lived it is.
  if (from !== "source") check(core);
  // A listener may have signed out.
  if (!core.held) run.reject(ended(core));
  else if (core.clock.now() < expiresAt) run.resolve(promise);
  // The page may have been frozen since the token arrived, so try once more. The second time the source is to blame.
  else if (run.again) run.reject(expired(core.source.about?.()));
  else {
    run.resolve(answer(core));
    if (core.run) core.run.again = true;
  }
}

/** Replaces a refresh whose timers ended with their page or request. All its callers wait for the new one. */
function replaceDead(core: Core): void {
  const { run, refresh } = core;
  if (!run || !isDead(core, core.clock.elapsed())) return;
  // The page was frozen while it stored the token, which is already in service.
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
 * Waits for a refresh, and for its replacement if it stalls. On Cloudflare Workers only timers and promises of the
 * caller's own request are sure to run: a callback on a promise of a request that has ended is never called.
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
  // A caller that does not await it must not cause an unhandled rejection.
  own.catch(() => {});
  return own;
}
