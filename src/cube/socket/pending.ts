/** A request without a connection for this long fails, in ms. */
const PATIENCE = 30_000;

/** Ends a request that can get no answer any more; with `final` it must not be sent again either. */
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

  /** @returns a function that removes it. */
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

  /** @param failure the failure that every request gets, or a function that creates one for each. */
  fail(failure: unknown, final?: boolean): void {
    for (const fail of [...this.#fails]) fail(typeof failure === "function" ? failure() : failure, final);
  }

  /** Limits the time that they wait without a connection. */
  watch(isConnected: boolean): void {
    if (this.isEmpty || isConnected) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    } else {
      this.#patience ??= setTimeout(() => {
        this.#patience = undefined;
        // Same text as in Cube's HttpTransport, so that networkErrorRetries applies.
        this.fail(() => ({ error: "network Error" }));
      }, PATIENCE);
    }
  }
}
