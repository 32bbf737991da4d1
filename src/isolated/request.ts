import { asResult } from "../cube/request.js";
import type { CubeRequest, CubeStream } from "../cube/transport.js";
import type { Connection } from "./connection.js";
import type { Answer } from "./messages.js";

// biome-ignore lint/suspicious/noExplicitAny: what Cube's client makes of an answer is its own.
type Callback = (result: any, next: () => Promise<unknown>) => unknown;

/** The signal stays in the page; all else goes over as JSON, as it does to the server. */
function split({ signal, ...params }: Record<string, unknown>): [string, AbortSignal | undefined] {
  return [JSON.stringify(params), signal as AbortSignal | undefined];
}

/** What of a `Response` Cube's client reads. */
function asResponse({ status, error, body }: Answer, read: () => unknown) {
  const text = async (): Promise<string> => {
    await read();
    if (body === undefined) throw new TypeError("The connection was lost before the answer was complete.");
    return typeof body === "string" ? body : new TextDecoder().decode(body);
  };
  return {
    ...(status === undefined ? { error } : { status, ok: status >= 200 && status < 300 }),
    text,
    json: async () => JSON.parse(await text()),
  };
}

/** One request of Cube's client, sent by the worker: the same to the client as the wrapper in the page. */
export function remoteRequest(
  connection: Connection,
  method: string,
  given: Record<string, unknown>,
): CubeRequest {
  const id = connection.nextId();
  const [params, signal] = split(given);
  /** Unsubscribed, aborted, or with a worker that has ended: nothing is sent any more. */
  let over = false;
  let unsubscribed = false;
  let polls = false;
  let mayPoll = false;
  /** Ends the attempt under way without an answer. */
  let quit: (() => void) | undefined;

  const end = () => {
    connection.forget(id);
    connection.post(["end", id]);
  };

  /** The answer; `undefined` for one that nobody wants any more. */
  const ask = (): Promise<Answer | Error | undefined> =>
    new Promise((resolve) => {
      const abort = () => {
        over = true;
        end();
        settle({ error: "aborted", polls: true });
      };
      const settle = (answer: Answer | Error | undefined) => {
        signal?.removeEventListener("abort", abort);
        quit = undefined;
        resolve(answer);
      };
      quit = () => settle(undefined);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      connection
        .call(["send", id, method, params, Boolean(signal)])
        .then((answer) => settle(answer as Answer), settle);
    });

  const attempt = async (callback: Callback): Promise<unknown> => {
    if (over) return null;
    mayPoll = false;
    const answer = await ask();
    if (answer === undefined) return null;
    const next = async () => attempt(callback);
    if (!(answer instanceof Error)) {
      polls = answer.polls;
      return callback(asResponse(answer, onRead), next);
    }
    polls = true;
    if ("code" in answer && answer.code === "ERR_DISPOSED") over = true;
    const result = asResult(answer);
    const { text } = result;
    if (text) {
      result.text = async () => {
        await onRead();
        return text();
      };
    }
    try {
      return await callback(result, next);
    } catch (error) {
      // As a promise `load()` throws a RequestError made of our result: its caller gets the real one instead.
      throw text && error instanceof Error && "response" in error ? answer : error;
    }
  };
  const onRead = () => {
    mayPoll = true;
    // Nothing comes after that, and Cube's client has no other way to be told.
    return unsubscribed ? new Promise(() => {}) : undefined;
  };

  const unsubscribe = async (): Promise<null> => {
    over = unsubscribed = true;
    connection.forget(id);
    quit?.();
    // Once the worker has heard it, nothing more is sent to Cube.
    await connection.tell(["end", id, true]);
    return null;
  };

  return {
    subscribe: (callback) =>
      attempt(callback).finally(() => {
        if (!over) end();
      }),
    /** Absent right after an answer was read, where Cube's client has to poll: see `TokenRequest`. */
    get unsubscribe() {
      const absent = mayPoll && polls;
      mayPoll = false;
      return absent ? undefined : unsubscribe;
    },
  };
}

/** A stream that the worker reads, and passes on as it is asked for. */
export function remoteStream(
  connection: Connection,
  method: string,
  given: Record<string, unknown>,
): CubeStream {
  const id = connection.nextId();
  const [params, signal] = split(given);
  const aborted = () => Object.assign(new Error("aborted"), { name: "AbortError" });

  const end = () => {
    connection.forget(id);
    connection.post(["end", id]);
  };
  const call = (...[message, repeats]: Parameters<Connection["call"]>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const abort = () => {
        end();
        reject(aborted());
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      const stop = () => signal?.removeEventListener("abort", abort);
      connection.call(message, repeats).finally(stop).then(resolve, reject);
    });

  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        // Not to be repeated: another worker would begin anew.
        const chunk = await call(["pull", id], false);
        if (!chunk) return;
        yield chunk as Uint8Array;
      }
    } finally {
      end();
    }
  }
  return {
    async stream() {
      await call(["stream", id, method, params, Boolean(signal)]);
      return chunks();
    },
    unsubscribe: async () => end(),
  };
}
