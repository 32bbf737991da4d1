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

/** What Cube's client makes a `RequestError` of. Its `response.code` is the code of a `CubeTokenError`. */
export function asResult(failure: unknown): Result {
  if (!(failure instanceof Error)) return failure;
  const { code } = failure as { code?: string };
  // The same as Cube's own for an aborted request.
  if (code === "ERR_ABORTED") return { error: "aborted" };
  const text = JSON.stringify({ error: failure.message, code });
  return { status: code === "ERR_UNAUTHENTICATED" ? 401 : 0, text: async () => text, failure };
}

/**
 * One request of Cube's client (`load`, `subscribe`, `sql`, `meta`, …), with a valid token at each attempt.
 *
 * A refused token is replaced and the attempt repeated, once. A failure to get a token reaches the caller like an
 * answer: in every style, without an unhandled rejection, and a subscription goes on polling.
 */
export class TokenRequest implements CubeRequest {
  readonly #transport: CubeTransport;
  readonly #connection: CubeConnection;
  readonly #method: string;
  readonly #params: Record<string, unknown>;
  readonly #signal: AbortSignal | undefined;
  #inner: CubeRequest | undefined;
  /** Sends the same request once more: a "Continue wait" poll, or a subscription's next. */
  #again: (() => Promise<unknown>) | undefined;
  #onAnswer: ((result: Result) => unknown) | undefined;
  /** Ends the attempt under way without an answer. */
  #quit: (() => void) | undefined;
  /** Unsubscribed, aborted, closed, or with a manager that was disposed: nothing is sent any more. */
  #over = false;
  /** Cube's client has read an answer, and will next look whether it has to pause before it polls. */
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
   * Cube's client (1.7.43) takes a request without `unsubscribe` for one that it has to poll, with a pause, and then has
   * no way to tell it that the caller has unsubscribed: one more request and one more callback follow. So there is one,
   * but not while the client looks whether to poll: right after it has read an answer.
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

  /** Sends the request once; resolves to what the callback makes of its answer. */
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
        // A transport that rejects. What the callback throws comes by here too, but is settled already.
        .catch(fail);
    });
  }

  #send(): Promise<unknown> {
    if (this.#again) return this.#again();
    const inner = this.#transport.request(this.#method, this.#connection.params(this.#params));
    this.#inner = inner;
    return inner.subscribe((result, again) => {
      // A late answer to a request that was given up.
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
      // Only the first of two refusals counts: answers to the token before may still be on their way, and would each
      // have the manager ask for yet another.
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

  /** No answer of the server's: the caller gets this instead, and the next attempt starts afresh. */
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
      // As a promise `load()` throws a RequestError made of our result: its caller gets the real one instead.
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
        // Unsubscribed meanwhile: nothing comes after that, and Cube's client has no other way to be told.
        if (this.#over && !last) await new Promise(() => {});
        this.#mayPoll = true;
      }
    };
    return callback(result, async () => (this.#over ? null : this.#attempt(callback)));
  }
}
