import { CubeTokenError } from "../errors.js";
import { throwIfAborted } from "./abort.js";
import { expired } from "./adopt.js";
import { AT_ONCE, fail } from "./budget.js";
import { type Core, emit, set, tell } from "./dispatch.js";
import { live } from "./held.js";
import { createRefresh, type Outcome, type Refresh, run } from "./refresh.js";
import { timerDelay } from "./schedule.js";
import { isDue, lookAgainIn, serve } from "./serve.js";
import { cleared, disposed } from "./sign-out.js";
import { isHidden, onWake } from "./wake.js";

const ignore = () => {};

/** Answers one call. */
export function answer(core: Core, force = false): Promise<string> {
  const instant = core.clock.read();
  const { held } = core;
  const service = serve(core, force, instant);
  if (service === "error") {
    if (!core.error) {
      const error = new CubeTokenError(
        "ERR_INVALID_TOKEN",
        "Cube refuses the tokens of this source. Does the endpoint sign with the secret that Cube verifies with?",
      );
      set(core, { error });
    }
    return Promise.reject(core.error);
  }
  if (service === "refresh") {
    const refresh = core.refresh ?? takeOff(core, force ? 0 : core.callAt - instant.elapsed, force);
    if (!force) return refresh.shared;
    refresh.hurry?.();
    return refresh.promise;
  }
  if (service === "stale") refreshInBackground(core);
  return held!.promise;
}

/** Cube refused the token that is held. */
export function refuse(core: Core): void {
  const held = core.held!;
  set(core, { held: { ...held, refused: true } });
  core.clock.distrust();
  const { wait, ...change } = fail(core, core.clock.read(), Math.random(), core.askedAt);
  set(core, change);
  tell(core, { type: "invalidated", draw: held.draw, failures: change.failures, wait });
  emit(core, { type: "invalidated" });
}

function refreshInBackground(core: Core): void {
  if (!core.refresh && core.clock.elapsed() >= core.retryAt) takeOff(core);
}

/** Starts the one refresh; who calls while it runs shares it. */
function takeOff(core: Core, pause = 0, force = false): Refresh {
  const refresh = createRefresh(force);
  const { signal } = refresh.controller;
  set(core, { refresh });
  refresh.promise = run(core, refresh, pause).then(
    (from) => {
      throwIfAborted(signal);
      return land(core, refresh, from);
    },
    (error) => {
      if (!signal.aborted) {
        set(core, { refresh: undefined, error });
        emit(core, { type: "refreshfailed", error });
      }
      throw error;
    },
  );
  refresh.shared = refresh.promise.catch((error) => {
    const held = live(core, core.clock.now());
    if (signal.aborted || !held) throw error;
    return held.promise;
  });
  // A refresh in the background has nobody to tell.
  refresh.shared.catch(ignore);
  return refresh;
}

/** The refresh has a token. */
function land(core: Core, { again }: Refresh, from: Outcome): Promise<string> {
  set(core, { refresh: undefined, error: undefined });
  const { promise, expiresAt } = core.held!;
  // What comes from the source is left alone for a second, however short it lives.
  if (from !== "source") check(core);
  if (from) emit(core, { type: "refreshed", from });
  // A listener may have signed out.
  if (!core.held) throw core.phase === "disposed" ? disposed() : cleared();
  if (core.clock.now() < expiresAt) return promise;
  // The page may have been frozen between the token's arrival and now; once more, and the source is to blame.
  if (again) throw expired();
  const token = answer(core);
  if (core.refresh) core.refresh.again = true;
  return token;
}

/** Refreshes if it is time. */
function check(core: Core): void {
  if (isDue(core, core.clock.now())) refreshInBackground(core);
}

/** When to look again without a call. */
export function createTimer(core: () => Core) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const arm = () => {
    clearTimeout(timer);
    const delay = lookAgainIn(core(), core().clock.read());
    if (delay === Infinity || !core().options.autoRefresh) return;
    timer = setTimeout(() => {
      if (isHidden()) return;
      check(core());
      arm();
    }, timerDelay(delay));
    // On Node it must not keep the process alive.
    (timer as { unref?(): void }).unref?.();
  };
  return arm;
}

/** The first call, and the first after a sign-out. */
export function start(core: Core): void {
  const { shared } = core;
  set(core, { phase: "active" });
  shared?.channel?.open();
  tell(core, { type: "started" });
  if (core.held) shared?.store(core);
  if (!core.options.autoRefresh) return;
  core.stopWaking = onWake((event) => {
    if (event.type === "online") {
      set(core, AT_ONCE);
      core.refresh?.hurry?.();
    }
    // In the back/forward cache no news arrives: whether somebody has signed out meanwhile, the storage says.
    const cached = (event as PageTransitionEvent).persisted && shared?.channel && !shared.failed;
    if (cached && core.held && !core.refresh) {
      set(core, { held: undefined });
      takeOff(core);
    }
    if (isHidden()) return;
    check(core);
    core.changed();
  });
}
