/**
 * Why signals of ours were aborted. Kept here because not every `AbortSignal` carries its reason, or can throw it: React
 * Native's (the package abort-controller) and that of jsdom before 22 know `aborted` and the event, and no more.
 */
const reasons = new WeakMap<AbortSignal, unknown>();

/** Aborts a signal of ours; the first reason counts. */
export function abort(controller: AbortController, reason: unknown): void {
  try {
    const { signal } = controller;
    if (!signal.aborted) reasons.set(signal, reason);
    controller.abort(reason);
  } catch {
    // On Cloudflare Workers nobody may touch what a request that has ended has made: its work has ended with it.
  }
}

/** What a signal of ours was aborted with. */
export const reasonOf = (signal: AbortSignal): unknown => reasons.get(signal);

/** Throws what a signal of ours was aborted with, if it was. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw reasonOf(signal);
}

/** All that wait for one signal, as one listener: Node warns of a leak at eleven. */
class Listeners extends Set<() => void> {
  handleEvent(): void {
    for (const listener of this) listener();
  }
}

const listeners = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `listener` when `signal` is aborted; at once if it is already.
 *
 * @returns a function that stops listening.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const all = listeners.get(signal) ?? new Listeners();
  if (signal.aborted) listener();
  else {
    if (!all.size) signal.addEventListener("abort", all);
    listeners.set(signal, all.add(listener));
  }
  return () => {
    if (all.delete(listener) && !all.size) signal.removeEventListener("abort", all);
  };
}

/** `promise`, unless `signal` is aborted first: then `reason()`. */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  reason = (): unknown => reasonOf(signal),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = onAbort(signal, () => reject(reason()));
    promise.then(resolve, reject).finally(end);
  });
}
