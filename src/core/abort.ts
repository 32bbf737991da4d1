/**
 * The reasons of the manager's own signals. Not every `AbortSignal` carries its reason or can throw it: React Native's
 * (the package abort-controller) and jsdom's before version 22 have only `aborted` and the event.
 */
const reasons = new WeakMap<AbortSignal, unknown>();

/** Aborts `controller`. Only the first reason is kept. */
export function abort(controller: AbortController, reason: unknown): void {
  try {
    const { signal } = controller;
    if (!signal.aborted) reasons.set(signal, reason);
    controller.abort(reason);
  } catch {
    // Cloudflare Workers throw on objects of a request that has ended. Its work has ended with it.
  }
}

/** The reason that {@link abort} was called with. */
export const reasonOf = (signal: AbortSignal): unknown => reasons.get(signal);

/** Throws the reason if `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw reasonOf(signal);
}

/** All callbacks of one signal, registered as one listener: Node warns of a leak at eleven. */
class Listeners extends Set<() => void> {
  handleEvent(): void {
    for (const listener of this) listener();
  }
}

const listeners = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `listener` when `signal` is aborted, or at once if it already is.
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

/** Settles as `promise` does, or rejects with `reason()` if `signal` is aborted first. */
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
