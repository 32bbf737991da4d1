import type { CubeRequest, CubeTransport } from "../cube/transport.js";
import type { TokenProvider, TokenSnapshot } from "../types.js";
import { readAsk } from "./ask.js";
import { type Answer, packError, packState, type ToPage } from "./messages.js";
import type { Port } from "./port.js";

/** What the worker provides to the pages. */
export interface Service {
  readonly transport: CubeTransport;
  readonly tokens: TokenProvider & { clear?(): Promise<void> };
  /** Removes tokens from a text. */
  readonly scrub: (text: string) => string;
  /** Cube's client gives each streaming request its own timeout, unless it has a signal. */
  readonly fetchTimeout?: number | undefined;
}

/** A request of the page that has not ended. */
interface Live {
  again?: () => Promise<unknown>;
  request?: CubeRequest;
  chunks?: AsyncIterator<Uint8Array>;
  end(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: results pass through, whatever the transport makes of them.
type Result = any;

/** A page that the worker serves. Its messages are untrusted: each part is checked before use. */
export class Client {
  readonly #port: Port;
  readonly #service: Service;
  readonly #live = new Map<number, Live>();
  readonly #stopListening: () => void;
  readonly #closed: () => void;
  #snapshot: TokenSnapshot;
  /** True while this page itself signs out. */
  #clears = false;

  /** @param closed called once. */
  constructor(port: Port, service: Service, closed: () => void) {
    this.#port = port;
    this.#closed = closed;
    this.#service = service;
    const { tokens, scrub } = service;
    this.#snapshot = tokens.getSnapshot();
    port.addEventListener("message", this.#onMessage);
    // Chromium reports that the page is gone.
    port.addEventListener("close", this.close);
    port.start?.();
    this.#stopListening = tokens.subscribe((event) => {
      const snapshot = tokens.getSnapshot();
      const news = snapshot === this.#snapshot ? undefined : packState(snapshot, scrub);
      this.#snapshot = snapshot;
      const isOther = event.type === "cleared" && event.from === "here" && !this.#clears;
      this.#post(["event", packState(isOther ? { ...event, from: "tab" } : event, scrub), news]);
    });
    this.#post(["hello", packState(this.#snapshot, scrub)]);
  }

  /** Ends all requests of the page. */
  readonly close = (): void => {
    this.#stopListening();
    for (const id of [...this.#live.keys()]) this.#end(id);
    this.#port.removeEventListener("message", this.#onMessage);
    this.#port.close?.();
    this.#closed();
  };

  #post(message: ToPage, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  readonly #onMessage = ({ data }: { data: unknown }): void => {
    if (!Array.isArray(data)) return;
    const [type, id, ...rest] = data as unknown[];
    const { tokens } = this.#service;
    if (type === "ping") this.#post(["pong"]);
    else if (type === "bye") this.close();
    else if (type === "invalidate") tokens.invalidate();
    else if (!Number.isSafeInteger(id)) return;
    else if (type === "end") {
      this.#end(id as number);
      if (rest[0] === true) this.#post(["answer", id as number, null]);
    } else if (type === "send") this.#answer(id as number, this.#send(id as number, rest));
    else if (type === "stream") this.#answer(id as number, this.#stream(id as number, rest));
    else if (type === "pull") this.#answer(id as number, this.#pull(id as number));
    else if (type === "clear") this.#answer(id as number, this.#clear());
  };

  #clear(): Promise<void> | undefined {
    this.#clears = true;
    try {
      return this.#service.tokens.clear?.();
    } finally {
      this.#clears = false;
    }
  }

  /** Posts the result of `work`, unless that has posted it itself. */
  async #answer(id: number, work: Promise<unknown> | undefined): Promise<void> {
    try {
      const value = await work;
      if (value !== SENT) this.#post(["answer", id, value]);
    } catch (error) {
      this.#post(["failure", id, packError(error, this.#service.scrub)]);
    }
  }

  #end(id: number): void {
    const live = this.#live.get(id);
    this.#live.delete(id);
    live?.end();
  }

  /** Sends the request, or repeats it: a poll. */
  async #send(id: number, [method, json, abortable]: unknown[]): Promise<unknown> {
    let live = this.#live.get(id);
    if (!live?.again) {
      const ask = readAsk(method, json);
      const controller = new AbortController();
      // A signal would replace the timeout.
      const signal = abortable === true ? controller.signal : undefined;
      const request = this.#service.transport.request(ask.method, { ...ask.params, signal });
      live = {
        request,
        end() {
          Promise.resolve(request.unsubscribe?.()).catch(() => {});
          controller.abort();
        },
      };
      this.#live.set(id, live);
    }
    const { request, again } = live;
    const current = live;
    const send = again ?? (() => request!.subscribe((result, next) => this.#read(id, current, result, next)));
    await send();
    return SENT;
  }

  async #read(id: number, live: Live, result: Result, again: () => Promise<unknown>): Promise<null> {
    live.again = again;
    // No token, or no connection: the page handles it like the wrapper in a page.
    if (result.failure) {
      this.#post(["failure", id, packError(result.failure, this.#service.scrub)]);
      return null;
    }
    const { status, error } = result as { status?: number; error?: string };
    const buffer: ArrayBuffer | undefined = await result.arrayBuffer?.().catch(() => undefined);
    // To the wrapper, reading the text means that Cube's client now checks whether to poll.
    const text: string | undefined = await result.text().catch(() => undefined);
    const polls = !live.request!.unsubscribe;
    let body = buffer ?? text;
    if (status !== 200 && body !== undefined) {
      body = this.#service.scrub(typeof body === "string" ? body : new TextDecoder().decode(body));
    }
    const answer: Answer = { status, error: error && this.#service.scrub(String(error)), body, polls };
    this.#post(["answer", id, answer], body instanceof ArrayBuffer ? [body] : []);
    return null;
  }

  async #stream(id: number, [method, json, abortable]: unknown[]): Promise<unknown> {
    const { transport, fetchTimeout } = this.#service;
    if (!transport.requestStream) throw new Error("Transport does not support streaming");
    const ask = readAsk(method, json);
    const controller = new AbortController();
    const timed = ask.params.fetchTimeout ?? fetchTimeout;
    const signal = abortable === true || !timed ? controller.signal : undefined;
    const request = transport.requestStream(ask.method, { ...ask.params, signal });
    const live: Live = {
      end() {
        controller.abort();
        Promise.resolve(request.unsubscribe?.()).catch(() => {});
        Promise.resolve(live.chunks?.return?.()).catch(() => {});
      },
    };
    this.#live.set(id, live);
    live.chunks = (await request.stream())[Symbol.asyncIterator]();
    return null;
  }

  async #pull(id: number): Promise<unknown> {
    const next = await this.#live.get(id)?.chunks?.next();
    if (!next || next.done) return null;
    this.#post(["answer", id, next.value], [next.value.buffer as ArrayBuffer]);
    return SENT;
  }
}

/** The answer was already posted. */
const SENT = Symbol();
