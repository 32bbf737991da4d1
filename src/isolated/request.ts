import { asResult } from "../cube/request.js";
import type { CubeRequest, CubeStream } from "../cube/transport.js";
import type { Connection } from "./connection.js";
import type { Answer } from "./messages.js";

// biome-ignore lint/suspicious/noExplicitAny: the callback's result belongs to Cube's client.
type Callback = (result: any, next: () => Promise<unknown>) => unknown;

/** The signal stays in the page. Everything else is sent as JSON, as it is to the server. */
function split({ signal, ...params }: Record<string, unknown>): [string, AbortSignal | undefined] {
  return [JSON.stringify(params), signal as AbortSignal | undefined];
}

/** The members of a `Response` that Cube's client reads. */
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

/** One request of Cube's client, sent by the worker. To the client it behaves like the wrapper in the page. */
export function remoteRequest(
  connection: Connection,
  method: string,
  given: Record<string, unknown>,
): CubeRequest {
  const id = connection.nextId();
  const [params, signal] = split(given);
  /** Unsubscribed, aborted, or the worker has stopped: nothing more is sent. */
  let over = false;
  let unsubscribed = false;
  let polls = false;
  let mayPoll = false;
  /** Ends the current attempt without an answer. */
  let quit: (() => void) | undefined;

  const end = () => {
    connection.forget(id);
    connection.post(["end", id]);
  };

  /** Resolves to the answer, or to `undefined` after `quit`. */
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
      // Without a callback `load()` throws a RequestError made from our result: the caller gets the original error instead.
      throw text && error instanceof Error && "response" in error ? answer : error;
    }
  };
  const onRead = () => {
    mayPoll = true;
    // Nothing may follow, and Cube's client cannot be stopped in another way.
    return unsubscribed ? new Promise(() => {}) : undefined;
  };

  const unsubscribe = async (): Promise<null> => {
    over = unsubscribed = true;
    connection.forget(id);
    quit?.();
    // Once the worker has received it, nothing more is sent to Cube.
    await connection.tell(["end", id, true]);
    return null;
  };

  return {
    subscribe: (callback) =>
      attempt(callback).finally(() => {
        if (!over) end();
      }),
    /** Absent right after an answer was read, if Cube's client has to poll: see `TokenRequest`. */
    get unsubscribe() {
      const absent = mayPoll && polls;
      mayPoll = false;
      return absent ? undefined : unsubscribe;
    },
  };
}

/** A stream that the worker reads, and passes on chunk by chunk on request. */
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
        // Not repeated, because another worker would start from the beginning.
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
