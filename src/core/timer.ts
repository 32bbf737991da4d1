import type { TokenSnapshot } from "../types.js";
import { check } from "./calls.js";
import { type Core, emit } from "./dispatch.js";
import { timerDelay } from "./schedule.js";
import { refreshIn } from "./serve.js";
import { statusChangesIn, statusOf } from "./snapshot.js";
import type { Held } from "./state.js";
import { isHidden } from "./wake.js";

/** What happens by time alone: the next refresh, and while somebody listens the news that the token is stale or dead. */
export function createTimer(core: () => Core): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let held: Held | undefined;
  let status: TokenSnapshot["status"];

  /** Tells what time has made of the token since the last look. */
  const notice = (now: number) => {
    const before = status;
    status = statusOf(held, now);
    if (status !== before && (status === "stale" || status === "expired")) emit(core(), { type: status });
  };

  const arm = () => {
    clearTimeout(timer);
    const { clock, options, listeners } = core();
    const instant = clock.read();
    if (core().held !== held) {
      held = core().held;
      status = statusOf(held, instant.now);
    }
    const refresh = options.autoRefresh ? timerDelay(refreshIn(core(), instant)) : Infinity;
    const change = !listeners?.size
      ? Infinity
      : status === statusOf(held, instant.now)
        ? statusChangesIn(held, instant.now)
        : 0;
    const delay = Math.min(refresh, Math.max(change, 1));
    if (delay === Infinity) return;
    timer = setTimeout(
      () => {
        const { now } = clock.read();
        if (listeners?.size) notice(now);
        if (options.autoRefresh && !isHidden()) check(core());
        arm();
      },
      timerDelay(delay, 0),
    );
    // On Node it must not keep the process alive.
    (timer as { unref?(): void }).unref?.();
  };
  return arm;
}
