/** A request that finds no connection for this long fails. */
const PATIENCE = 30_000;

/** Ends a request whose answer cannot come any more; `final` says that it must not be sent again either. */
export type Fail = (failure: unknown, final?: boolean) => void;

/** The requests that wait for an answer. */
export class PendingRequests {
  readonly #fails = new Set<Fail>();
  readonly #changed: () => void;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get isEmpty(): boolean {
    return !this.#fails.size;
  }

  /** @returns a function that takes it out again. */
  add(fail: Fail, signal: AbortSignal | undefined): () => void {
    const abort = () => fail({ error: "aborted" }, true);
    this.#fails.add(fail);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) queueMicrotask(abort);
    this.#changed();
    return () => {
      this.#fails.delete(fail);
      signal?.removeEventListener("abort", abort);
      this.#changed();
    };
  }

  /** @param failure what every request gets, or a function that makes one for each. */
  fail(failure: unknown, final?: boolean): void {
    for (const fail of [...this.#fails]) fail(typeof failure === "function" ? failure() : failure, final);
  }

  /** Counts the time for which they wait without a connection. */
  watch(isConnected: boolean): void {
    if (this.isEmpty || isConnected) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    } else {
      this.#patience ??= setTimeout(() => {
        this.#patience = undefined;
        // The words of Cube's HttpTransport, so that networkErrorRetries counts.
        this.fail(() => ({ error: "network Error" }));
      }, PATIENCE);
    }
  }
}
