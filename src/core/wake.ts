/**
 * Calls `listener` when a page that may have slept should check the clock: shown again, restored from the back/forward
 * cache, unfrozen, online again, focused. In a worker only `online` exists; on a server none of them does.
 *
 * @returns a function that stops listening.
 */
export function onWake(listener: (event: Event) => void): () => void {
  const pairs: [EventTarget | undefined, string[]][] = [
    [globalThis.document, ["visibilitychange", "resume"]],
    [globalThis as unknown as EventTarget, ["pageshow", "focus", "online"]],
  ];
  const each = (method: "addEventListener" | "removeEventListener") => {
    for (const [target, types] of pairs) {
      for (const type of types) target?.[method]?.(type, listener);
    }
  };
  each("addEventListener");
  return () => each("removeEventListener");
}

/** A hidden page does not refresh on a timer. It checks at once when it is shown. */
export const isHidden = (): boolean => globalThis.document?.visibilityState === "hidden";
