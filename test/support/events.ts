import type { TokenEvent } from "../../src/index.js";

const PROGRESS = ["refreshing", "waiting", "requested", "attemptfailed", "stale", "expired"];

/** A listener that hands on how things ended, and leaves out what led there. */
export const outcomes =
  (listener: (event: TokenEvent) => void) =>
  (event: TokenEvent): void => {
    if (!PROGRESS.includes(event.type)) listener(event);
  };
