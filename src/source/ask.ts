import { abort, abortable, onAbort, reasonOf } from "../core/abort.js";
import { MAX_TIMEOUT } from "../core/schedule.js";
import { timedOut } from "./failure.js";
import type { Answer, Attempt, Source } from "./source.js";

/**
 * Asks a source once, for at most `timeout` milliseconds, whether or not the source respects its signal.
 *
 * @throws {CubeTokenError} whatever fails; the reason of `attempt.refresh` if that is aborted.
 */
export function ask(
  source: Source,
  { rejectedToken, ...attempt }: Omit<Attempt, "context"> & { rejectedToken: string | undefined },
): Promise<Answer> {
  const { timeout, refresh } = attempt;
  const controller = new AbortController();
  const timer = setTimeout(
    () => abort(controller, timedOut(timeout, source.about?.())),
    Math.min(timeout, MAX_TIMEOUT),
  );
  const unlink = onAbort(refresh, () => abort(controller, reasonOf(refresh)));
  const context = { signal: controller.signal, ...(rejectedToken !== undefined && { rejectedToken }) };
  const answer = source.ask({ ...attempt, context });
  // Not every source respects its signal.
  return abortable(answer, controller.signal).finally(() => {
    clearTimeout(timer);
    unlink();
  });
}
