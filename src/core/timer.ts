import type { TokenSnapshot } from "../types.js";
import { refreshInBackground } from "./calls.js";
import { type Core, emit } from "./dispatch.js";
import { timerDelay } from "./schedule.js";
import { refreshIn } from "./serve.js";
import { statusChangesIn, statusOf } from "./snapshot.js";
import type { Held } from "./state.js";
import { isHidden } from "./wake.js";

/** Handles what happens by time alone: the next refresh and, if there are listeners, the events `stale` and `expired`. */
export function createTimer(get: () => Core): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let held: Held | undefined;
  let status: TokenSnapshot["status"];

  const arm = () => {
    const core = get();
    // Not set before the manager has connected, to keep the first call fast.
    if (core.connect) return;
    clearTimeout(timer);
    const instant = core.clock.read();
    if (core.held !== held) {
      held = core.held;
      status = statusOf(held, instant.now);
    }
    // A hidden page checks again when it is shown.
    const canRefresh = core.options.autoRefresh && !isHidden();
    const refresh = canRefresh ? timerDelay(refreshIn(core, instant)) : Infinity;
    const delay = Math.min(refresh, core.listeners?.size ? untilNotice(instant.now) : Infinity);
    if (delay === Infinity) return;
    timer = setTimeout(fire, Math.ceil(timerDelay(delay, 0)));
    // On Node it must not keep the process alive.
    (timer as { unref?(): void }).unref?.();
  };

  const fire = () => {
    const core = get();
    if (core.listeners?.size) notice(core, core.clock.now());
    const isDue = core.options.autoRefresh && refreshIn(core, core.clock.read()) <= 0;
    if (isDue && !isHidden()) refreshInBackground(core);
    arm();
  };

  /** Emits an event if time has made the token stale or expired since the last check. */
  const notice = (core: Core, now: number) => {
    const before = status;
    status = statusOf(held, now);
    if (status !== before && (status === "stale" || status === "expired")) emit(core, { type: status });
  };

  const untilNotice = (now: number) =>
    status === statusOf(held, now) ? Math.max(statusChangesIn(held, now), 1) : 1;

  return arm;
}
