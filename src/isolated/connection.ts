import { CubeTokenError } from "../errors.js";
import type { TokenEvent, TokenSnapshot } from "../types.js";
import { attach, type CubeWorker } from "./attach.js";
import { type Failure, HELLO, type ToPage, type ToWorker, unpackError, unpackState } from "./messages.js";

/** While calls wait, the worker is asked for a sign of life this often (ms). */
const PING = 1500;
/** So many of those without one, and it is dead. Two, for after a sleep the page's own timer may come first. */
const MISSES = 2;
/** A script that is still loading may take so many. */
const LOADING_MISSES = 20;
/** Before a worker is started anew for those alone who listen (ms). */
const RESTART_DELAY = 1000;

const EMPTY: TokenSnapshot = Object.freeze({ status: "empty", refreshing: false });

/** A call that waits for the worker's answer. */
interface Call {
  readonly message: ToWorker;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** It may be sent once more, to another worker. */
  repeats: boolean;
}

/** The page's side of a worker: found, watched while somebody waits, and started anew where that is possible. */
export class Connection {
  snapshot = EMPTY;
  readonly listeners = new Set<(event: TokenEvent) => void>();
  readonly #start: (() => CubeWorker) | undefined;
  readonly #name = String(Math.random());
  readonly #calls = new Map<number, Call>();
  #ids = 0;
  #worker: ReturnType<typeof attach> | undefined;
  #port: MessagePort | undefined;
  #ready = false;
  #ended = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #misses = 0;

  constructor(worker: CubeWorker | (() => CubeWorker)) {
    if (typeof worker === "function") this.#start = worker;
    else this.#attach(worker);
  }

  /** A number for a request; everything that belongs to it is sent with that. */
  nextId(): number {
    return ++this.#ids;
  }

  /** Sends a message and waits for its answer: one at a time for each id. */
  call(message: ToWorker & { 1: number }, repeats = true): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.open();
      if (this.#ended) throw this.#gone(true);
      this.#calls.set(message[1], { message, resolve, reject, repeats });
      this.post(message);
      this.#watch();
    });
  }

  /** The same where a worker that is not there, or dies, has nothing to do for it. */
  async tell(message: ToWorker & { 1: number }): Promise<void> {
    if (this.#ready) await this.call(message, false).catch(() => {});
  }

  /** Nobody waits for this answer any more. */
  forget(id: number): void {
    this.#calls.delete(id);
    this.#watch();
  }

  /** Sends what needs no answer: a worker that is not there has nothing to do for it. */
  post(message: ToWorker): void {
    if (this.#ready) this.#port!.postMessage(message);
  }

  /** Starts the worker if there is none. */
  open(): void {
    if (!this.#worker && this.#start) this.#attach(this.#start());
  }

  #attach(worker: CubeWorker): void {
    this.#worker = attach(worker, {
      begins: () => this.#ready || this.#hello(),
      fails: (throws) => {
        // Later an error is one of the worker's own, and ends nothing.
        if (this.#ready) return;
        if (throws) this.#misses = LOADING_MISSES;
        else this.#die();
      },
      leaves: () => {
        this.post(["bye"]);
        this.#ready = false;
        this.#port = undefined;
      },
      returns: () => this.#hello(),
    });
    this.#hello();
  }

  /** Gives the worker a port that is nobody else's. What waits is sent when it answers. */
  #hello(): void {
    const { port1, port2 } = new MessageChannel();
    this.#port?.close();
    this.#port = port1;
    this.#ready = false;
    this.#misses = 0;
    const current = <T>(work: (value: T) => void) => {
      return (value: T) => port1 === this.#port && work(value);
    };
    port1.onmessage = current(({ data }: MessageEvent) => this.#onMessage(data));
    // Where the engine tells it.
    port1.addEventListener(
      "close",
      current(() => this.#die()),
    );
    this.#worker!.post([HELLO, this.#name, port2], [port2]);
  }

  #onMessage(message: ToPage): void {
    this.#misses = 0;
    const [type, id] = message;
    if (type === "hello") {
      this.#ready = true;
      for (const call of this.#calls.values()) this.post(call.message);
      this.#follow(unpackState(message[1]));
    } else if (type === "event") {
      if (message[2]) this.snapshot = unpackState(message[2]);
      this.#emit(unpackState(message[1]));
    } else if (type === "answer" || type === "failure") {
      const call = this.#calls.get(id as number);
      this.forget(id as number);
      if (type === "answer") call?.resolve(message[2]);
      else call?.reject(unpackError(message[2] as Failure));
    }
  }

  /** Takes over the state of another worker, or of none. */
  #follow(snapshot: TokenSnapshot): void {
    if (JSON.stringify(snapshot) === JSON.stringify(this.snapshot)) return;
    this.snapshot = snapshot;
    this.#emit({ type: "refreshing" });
  }

  /** A listener that throws does not affect the others: its error goes to `window.onerror`. */
  #emit(event: TokenEvent): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(event);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }

  /** Asks for a sign of life while somebody waits. */
  #watch(): void {
    if (!this.#calls.size) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setInterval(() => {
      if (this.#misses++ >= (this.#ready ? MISSES : LOADING_MISSES)) this.#die();
      else this.post(["ping"]);
    }, PING);
  }

  /** The worker is no more: what waits goes to the next one, once. */
  #die(): void {
    const wasReady = this.#ready;
    this.#worker?.end(Boolean(this.#start));
    // Should it have been only slow, its answers are nobody's.
    this.#port?.close();
    this.#worker = this.#port = undefined;
    this.#ready = false;
    this.#misses = 0;
    this.#ended = !this.#start;
    for (const [id, call] of this.#calls) {
      if (!call.repeats || this.#ended) this.#fail(id, this.#gone(wasReady));
      call.repeats = false;
    }
    if (this.#calls.size) this.#restart();
    else if (wasReady) setTimeout(() => this.listeners.size && this.#restart(), RESTART_DELAY);
    this.#follow(EMPTY);
  }

  #restart(): void {
    try {
      this.open();
    } catch (error) {
      for (const id of this.#calls.keys()) this.#fail(id, error);
    }
  }

  #fail(id: number, error: unknown): void {
    const call = this.#calls.get(id);
    this.forget(id);
    call?.reject(error);
  }

  #gone(wasReady: boolean): CubeTokenError {
    if (!wasReady) {
      return new CubeTokenError(
        "ERR_TIMEOUT",
        "The worker did not start. Does its script load, and call serveCube()?",
      );
    }
    return this.#start
      ? new CubeTokenError("ERR_TIMEOUT", "The worker died twice while the call waited. Try again.")
      : new CubeTokenError("ERR_DISPOSED", "The worker has ended. Pass a function that starts one.");
  }
}
