/**
 * Calls `listener` when `signal` is aborted; at once if it is already.
 *
 * @returns a function that stops listening.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) listener();
  signal.addEventListener("abort", listener);
  return () => signal.removeEventListener("abort", listener);
}

/** `promise`, unless `signal` is aborted first: then `reason()`. */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  reason = (): unknown => signal.reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = onAbort(signal, () => reject(reason()));
    promise.then(resolve, reject).finally(end);
  });
}
