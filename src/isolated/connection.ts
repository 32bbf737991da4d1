import { CubeTokenError } from "../errors.js";
import type { TokenEvent, TokenSnapshot } from "../types.js";
import { attach, type CubeWorker } from "./attach.js";
import { type Failure, HELLO, type ToPage, type ToWorker, unpackError, unpackState } from "./messages.js";

/** While calls wait, the worker is pinged this often (ms). */
const PING = 1500;
/** After this many pings without an answer it is dead. Two, because after a sleep the page's timer may fire first. */
const MISSES = 2;
/** A script that is still loading may miss this many. */
const LOADING_MISSES = 20;
/** The delay before a worker is restarted only for listeners (ms). */
const RESTART_DELAY = 1000;

const EMPTY: TokenSnapshot = Object.freeze({ status: "empty", refreshing: false });

/** A call that waits for the worker's answer. */
interface Call {
  readonly message: ToWorker;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** It may be sent again, to another worker. */
  repeats: boolean;
}

/** The page's connection to a worker, which is watched while calls wait, and restarted if possible. */
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

  /** A new request id, sent with every message of that request. */
  nextId(): number {
    return ++this.#ids;
  }

  /** Sends a message and waits for its answer. Only one call at a time for each id. */
  call(message: ToWorker & { 1: number }, repeats = true): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.open();
      if (this.#ended) throw this.#gone(true);
      this.#calls.set(message[1], { message, resolve, reject, repeats });
      this.post(message);
      this.#watch();
    });
  }

  /** Like `call`, for messages that need no worker: resolves if there is none, or if it dies. */
  async tell(message: ToWorker & { 1: number }): Promise<void> {
    if (this.#ready) await this.call(message, false).catch(() => {});
  }

  /** Stops waiting for this answer. */
  forget(id: number): void {
    this.#calls.delete(id);
    this.#watch();
  }

  /** Sends a message without an answer. Without a worker there is nothing to do. */
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
        // Later errors come from the worker's own code, and do not end it.
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

  /** Gives the worker a private port. Pending calls are sent when it answers. */
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
    // Only some engines report this.
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

  /** Adopts the state of a new worker, or the empty state without one. */
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

  /** Pings the worker while calls wait. */
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

  /** The worker is dead: pending calls are sent to the next one, once. */
  #die(): void {
    const wasReady = this.#ready;
    this.#worker?.end(Boolean(this.#start));
    // If it was only slow, its late answers must be ignored.
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
      ? new CubeTokenError("ERR_TIMEOUT", "The worker stopped twice during the call. Try again.")
      : new CubeTokenError("ERR_DISPOSED", "The worker has stopped. Pass a function that starts one.");
  }
}
