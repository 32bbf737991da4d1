/** Between attempts to connect: exponential with full jitter, from the first of these to the second at the most. */
const FIRST_DELAY = 1000;
const MAX_DELAY = 10_000;

/** The pauses between attempts that fail in a row. */
export class Backoff {
  #failures = 0;
  #retryAt = 0;
  /** Ends the pause under way: nobody waits any more. */
  giveUp: (() => void) | undefined;

  fail(): void {
    const longest = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** this.#failures++);
    this.#retryAt = performance.now() + Math.random() * longest;
  }

  recover(): void {
    this.#failures = 0;
  }

  /** Waits until the next attempt is due; resolves to whether somebody still waits for it then. */
  pause(): Promise<boolean> {
    const delay = this.#retryAt - performance.now();
    if (delay <= 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (go: boolean) => {
        clearTimeout(timer);
        this.giveUp = undefined;
        resolve(go);
      };
      const timer = setTimeout(end, delay, true);
      this.giveUp = () => end(false);
    });
  }
}
