import { onAbort } from "./abort.js";
import { CubeTokenError, type CubeTokenErrorCode } from "./errors.js";
import { MAX_TIMEOUT } from "./schedule.js";

/**
 * After another tab has done its part, what it stored and what it said may be some milliseconds away: browsers bring
 * localStorage, messages and locks to another process on three different ways.
 */
export const GRACE = 100;

const ignore = () => {};

/** Raised when the meaning of a field changes; a message of another version is ignored. */
const VERSION = 1;

/** What one tab tells the others: that something changed, never the token. Storage is the truth. */
export type News =
  /** A manager has begun its work. */
  | { readonly type: "started" }
  /** Another token is in the storage. */
  | { readonly type: "refreshed" }
  /** Signed out then; in ms since the epoch, on the local wall clock. */
  | { readonly type: "cleared"; readonly at: number }
  /** The source answered the token with this place in the jitter again. */
  | { readonly type: "unchanged"; readonly draw: number }
  /** The source failed, or Cube refused the token with this place in the jitter. */
  | Failed;

export interface Failed {
  readonly type: "failed" | "invalidated";
  /** In a row. */
  readonly failures: number;
  /** Nobody asks again for so many ms. */
  readonly wait: number;
  readonly draw?: number | undefined;
  readonly code?: CubeTokenErrorCode | undefined;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/** Who says it, and when. */
export interface Sender {
  readonly identity: string | undefined;
  /** How long ago its manager was made, in ms. */
  readonly age: number;
  /** Milliseconds since the epoch, on the local wall clock. */
  readonly at: number;
}

const isNumber = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;

/** `undefined` for anything that {@link Tabs.tell} did not send. */
export function readNews(data: unknown): (News & Sender) | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const {
    v,
    type,
    identity = "",
    age,
    at,
    failures,
    wait,
    draw = 0,
    code = "",
    status = 0,
    retryAfter = 0,
  } = data as Record<string, unknown>;
  const failed = type === "failed";
  const isFailure = failed || type === "invalidated";
  const isKnown = isFailure || ["started", "refreshed", "unchanged", "cleared"].includes(type as string);
  const texts = [identity, code];
  const numbers = [age, at, draw, ...(isFailure ? [failures, wait, status, retryAfter] : [])];
  const isOurs =
    v === VERSION &&
    isKnown &&
    texts.every((text) => typeof text === "string") &&
    numbers.every(isNumber) &&
    (!failed || /^ERR_[A-Z_]+$/.test(code as string));
  return isOurs ? (data as News & Sender) : undefined;
}

/** The failure of another tab, as an error of this one. */
export const failureOf = ({ code, status, retryAfter }: Failed): CubeTokenError =>
  new CubeTokenError(code!, `The token request of another tab failed (${code}): see the error there.`, {
    status,
    retryAfter,
  });

/** A lock manager that does not even say whether a lock is free within this is not asked any longer. */
const UNRESPONSIVE = 1000;

/** The tabs, and workers, of one origin that share a storage under one key. */
export class Tabs {
  readonly #key: string;
  readonly #hear: (news: News & Sender) => void;
  #channel: BroadcastChannel | undefined;
  #live = false;
  /** The lock is held by a tab that does not let go of it (frozen): the next time it is not waited for. */
  #stuck = false;
  /** Lets go of the lock that says "there is something new". */
  #endSettling: (() => void) | undefined;

  constructor(key: string, hear: (news: News & Sender) => void) {
    this.#key = key;
    this.#hear = hear;
  }

  /** Starts listening. Where there is no BroadcastChannel, or it is not allowed, nothing is heard or said. */
  open(): void {
    this.#live = true;
    if (this.#channel) return;
    // Not allowed in some sandboxes, and absent in some old web views.
    try {
      const channel = new BroadcastChannel(`cube-token-manager:${this.#key}`);
      channel.onmessage = ({ data }) => {
        const news = readNews(data);
        if (news && this.#channel === channel) this.#hear(news);
      };
      // On Node it must not keep the process alive.
      (channel as { unref?(): void }).unref?.();
      this.#channel = channel;
    } catch {}
  }

  /** Says nothing once it is closed. */
  tell(news: News, sender: Sender): void {
    this.#channel?.postMessage({ v: VERSION, ...sender, ...news });
  }

  /** Stops listening. What was said before still reaches the others. */
  close(): void {
    this.#live = false;
    this.#endSettling?.();
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** `undefined` where there are none: on plain http, in old web views, on a server. */
  get locks(): LockManager | undefined {
    return globalThis.navigator?.locks;
  }

  /**
   * Runs `work` while no other tab does (Web Locks, https://w3c.github.io/web-locks/); `undefined` without locks.
   *
   * Waiting is bounded by `patience` ms: a frozen tab may hold the lock. The tabs that pass it over share a second one,
   * and only where that is stuck too a tab works on its own.
   */
  exclusively<T>(work: () => Promise<T>, patience: number, signal: AbortSignal): Promise<T> | undefined {
    return this.locks && this.#inTurn(work, patience, signal);
  }

  async #inTurn<T>(work: () => Promise<T>, patience: number, signal: AbortSignal): Promise<T> {
    let running: Promise<T> | undefined;
    // What this tab itself has stored it knows.
    this.#endSettling?.();
    const run = async () => {
      // What the tab before has stored and said may still be on its way.
      await this.#request("settling", false, ignore, 3 * GRACE, signal);
      signal.throwIfAborted();
      running = work();
      await running.catch(ignore);
      if (!signal.aborted) await this.#settle();
    };
    for (const [lock, wait] of [
      ["turn", this.#stuck ? 0 : patience],
      ["second", patience],
    ] as const) {
      await this.#request(lock, true, run, UNRESPONSIVE, signal);
      if (!running && wait) await this.#request(lock, false, run, wait, signal);
      // Work that has begun goes on, and says itself what became of it; who left it alone would hold the lock unseen.
      if (!running) signal.throwIfAborted();
      if (lock === "turn") this.#stuck = !running;
      if (running) return running;
    }
    return work();
  }

  /** In front of the key, so that no other key can make the same name. */
  #name(lock: "turn" | "second" | "settling"): string {
    return `cube-token-manager.${lock}:${this.#key}`;
  }

  /** Resolves when `callback` is done, or when the lock was not granted within `patience` ms. Never rejects. */
  async #request(
    lock: "turn" | "second" | "settling",
    ifAvailable: boolean,
    callback: () => unknown,
    patience: number,
    signal: AbortSignal,
  ): Promise<void> {
    const waiting = new AbortController();
    const given = new Promise<void>((resolve) => onAbort(waiting.signal, resolve));
    const stop = () => waiting.abort();
    const timer = setTimeout(stop, Math.min(patience, MAX_TIMEOUT));
    const unlink = onAbort(signal, stop);
    const options = ifAvailable ? { ifAvailable } : { signal: waiting.signal };
    try {
      const granted = this.locks!.request(this.#name(lock), options, async (lock) => {
        clearTimeout(timer);
        if (lock && !waiting.signal.aborted) await callback();
      });
      // The browser's own limit is no help where it does not answer at all.
      await Promise.race([granted, given]);
      granted.catch(ignore);
    } catch {
      // Not granted in time, not allowed (an opaque origin), or stolen: then the work goes on nevertheless.
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }

  /** Lets the next tab know, for a moment, that there is something new. Resolves at once. */
  #settle(): Promise<void> {
    return new Promise((resolve) => {
      const linger = (lock: unknown) => {
        resolve();
        if (!lock || !this.#live) return;
        return new Promise<void>((end) => {
          const timer = setTimeout(end, GRACE);
          this.#endSettling = () => {
            clearTimeout(timer);
            end();
          };
        });
      };
      this.locks!.request(this.#name("settling"), { ifAvailable: true }, linger).catch(resolve);
    });
  }
}
