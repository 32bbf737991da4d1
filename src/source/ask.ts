import { abort, abortable, onAbort, reasonOf } from "../core/abort.js";
import { MAX_TIMEOUT } from "../core/schedule.js";
import { timedOut } from "./failure.js";
import type { Answer, Source } from "./source.js";

/**
 * Asks a source once, for at most `timeout` milliseconds, whether or not it heeds its signal.
 *
 * @param signal of the refresh that asks.
 * @param force an answer to what was asked before this refresh will not do.
 * @throws {CubeTokenError} whatever happens; the reason of `signal` when that is aborted.
 */
export function ask(
  source: Source,
  timeout: number,
  signal: AbortSignal,
  rejectedToken?: string,
  force = false,
): Promise<Answer> {
  const controller = new AbortController();
  const timer = setTimeout(
    () => abort(controller, timedOut(timeout, source.about?.())),
    Math.min(timeout, MAX_TIMEOUT),
  );
  const unlink = onAbort(signal, () => abort(controller, reasonOf(signal)));
  const context = { signal: controller.signal, ...(rejectedToken !== undefined && { rejectedToken }) };
  const answer = source.ask({ context, timeout, refresh: signal, force });
  // Not every source heeds its signal.
  return abortable(answer, controller.signal).finally(() => {
    clearTimeout(timer);
    unlink();
  });
}
