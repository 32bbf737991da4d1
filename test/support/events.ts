import type { TokenEvent } from "../../src/index.js";

const PROGRESS = ["refreshing", "waiting", "requested", "attemptfailed", "stale", "expired"];

/** A listener for the outcomes only, without the steps that lead to them. */
export const outcomes =
  (listener: (event: TokenEvent) => void) =>
  (event: TokenEvent): void => {
    if (!PROGRESS.includes(event.type)) listener(event);
  };
