import {
  type CubeConnection,
  type CubeRequest,
  type CubeTransport,
  isFailure,
  readFailure,
} from "./transport.js";

// biome-ignore lint/suspicious/noExplicitAny: results pass through, whatever the transport makes of them.
type Result = any;
type Callback = (result: Result, next: () => Promise<unknown>) => unknown;

/** A result that Cube's client turns into a `RequestError`. Its `response.code` is the code of a `CubeTokenError`. */
export function asResult(failure: unknown): Result {
  if (!(failure instanceof Error)) return failure;
  const { code } = failure as { code?: string };
  // Same as Cube's own result of an aborted request.
  if (code === "ERR_ABORTED") return { error: "aborted" };
  const text = JSON.stringify({ error: failure.message, code });
  return { status: code === "ERR_UNAUTHENTICATED" ? 401 : 0, text: async () => text, failure };
}

/**
 * One request of Cube's client (`load`, `subscribe`, `sql`, `meta`, …), with a valid token at each attempt.
 *
 * A rejected token is replaced and the attempt repeated, once. A failure to get a token reaches the caller like an answer:
 * with a callback or a promise, without an unhandled rejection, and a subscription keeps polling.
 */
export class TokenRequest implements CubeRequest {
  readonly #transport: CubeTransport;
  readonly #connection: CubeConnection;
  readonly #method: string;
  readonly #params: Record<string, unknown>;
  readonly #signal: AbortSignal | undefined;
  #inner: CubeRequest | undefined;
  /** Sends the same request again: a "Continue wait" poll, or a subscription's next poll. */
  #again: (() => Promise<unknown>) | undefined;
  #onAnswer: ((result: Result) => unknown) | undefined;
  /** Ends the current attempt without an answer. */
  #quit: (() => void) | undefined;
  /** Unsubscribed, aborted, closed, or the manager is disposed of: nothing more is sent. */
  #over = false;
  /** Cube's client has read an answer, and next checks whether it has to pause before it polls. */
  #mayPoll = false;
  /** That answer was a failure of our own. */
  #failed = false;

  constructor(
    transport: CubeTransport,
    connection: CubeConnection,
    method: string,
    params: Record<string, unknown>,
  ) {
    this.#transport = transport;
    this.#connection = connection;
    this.#method = method;
    this.#params = params;
    this.#signal = params.signal as AbortSignal | undefined;
  }

  subscribe(callback: Callback): Promise<unknown> {
    return this.#attempt(callback);
  }

  /**
   * Cube's client (1.7.43) polls a request without `unsubscribe`, with pauses, and then cannot pass on that the caller has
   * unsubscribed: one more request and one more callback follow. So this property exists, except while the client checks
   * whether to poll: right after it has read an answer.
   */
  get unsubscribe(): (() => Promise<unknown>) | undefined {
    const polls = this.#mayPoll && (this.#failed || !this.#inner?.unsubscribe);
    this.#mayPoll = false;
    return polls ? undefined : this.#unsubscribe;
  }

  readonly #unsubscribe = async (): Promise<unknown> => {
    this.#over = true;
    this.#quit?.();
    return (await this.#inner?.unsubscribe?.()) ?? null;
  };

  /** Sends the request once; resolves to the callback's result for the answer. */
  #attempt(callback: Callback, repeated = false): Promise<unknown> {
    this.#mayPoll = false;
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (work: () => unknown) => {
        if (settled) return null;
        settled = true;
        leave();
        const outcome = (async () => work())();
        outcome.then(resolve, reject);
        return outcome;
      };
      const fail = (failure: unknown, final?: boolean) =>
        void settle(() => this.#giveFailure(callback, failure, final));
      const leave = this.#connection.add(fail, this.#signal);
      this.#quit = () => void settle(() => null);
      this.#connection
        .open(this.#signal)
        .then((token) => {
          if (settled) return undefined;
          this.#connection.use(token);
          this.#onAnswer = (result) => settle(() => this.#judge(callback, result, token, repeated));
          return this.#send();
        })
        // The transport rejected. An error thrown by the callback also ends here, but is already settled.
        .catch(fail);
    });
  }

  #send(): Promise<unknown> {
    if (this.#again) return this.#again();
    const inner = this.#transport.request(this.#method, this.#connection.params(this.#params));
    this.#inner = inner;
    return inner.subscribe((result, again) => {
      // A late answer to an abandoned request.
      if (this.#inner !== inner) return null;
      this.#again = again;
      return this.#onAnswer?.(result);
    });
  }

  #judge(callback: Callback, result: Result, token: string, repeated: boolean): unknown {
    if (isFailure(result)) return this.#judgeFailure(callback, result, token, repeated);
    this.#failed = false;
    return this.#give(callback, result);
  }

  async #judgeFailure(
    callback: Callback,
    result: Result,
    token: string,
    repeated: boolean,
  ): Promise<unknown> {
    let next = token;
    try {
      const failure = await readFailure(result);
      // Only the first of two rejections counts: answers to the previous token may still be in flight, and each would make
      // the manager request another token.
      if (!this.#over && !repeated && this.#connection.isRejected(failure)) {
        next = await this.#connection.open(this.#signal, token);
      }
    } catch (error) {
      return this.#giveFailure(callback, error);
    }
    if (next !== token && !this.#over) return this.#attempt(callback, true);
    this.#failed = false;
    return this.#give(callback, result);
  }

  /** The server gave no answer: the caller gets this failure instead, and the next attempt starts a new request. */
  async #giveFailure(callback: Callback, failure: unknown, final = false): Promise<unknown> {
    const { code } = failure as { code?: string };
    if (this.#over) return null;
    const inner = this.#inner;
    this.#inner = this.#again = undefined;
    (async () => inner?.unsubscribe?.())().catch(() => {});
    this.#failed = true;
    if (final || code === "ERR_ABORTED" || code === "ERR_DISPOSED") this.#over = true;
    const result = asResult(failure);
    try {
      return await this.#give(callback, result, true);
    } catch (error) {
      // Without a callback `load()` throws a RequestError made from our result: the caller gets the original error instead.
      const ours = failure instanceof Error && "status" in result;
      throw ours && error instanceof Error && "response" in error ? failure : error;
    }
  }

  #give(callback: Callback, result: Result, last = false): unknown {
    if (this.#over && !last) return null;
    const read = result.text?.bind(result);
    result.text = async () => {
      try {
        return await read();
      } finally {
        // Unsubscribed in the meantime: nothing may follow, and Cube's client cannot be stopped in another way.
        if (this.#over && !last) await new Promise(() => {});
        this.#mayPoll = true;
      }
    };
    return callback(result, async () => (this.#over ? null : this.#attempt(callback)));
  }
}
