import { onAbort, throwIfAborted } from "../core/abort.js";
import { MAX_TIMEOUT } from "../core/schedule.js";

/**
 * Another tab's writes and messages may arrive some milliseconds after its lock is released: browsers deliver
 * localStorage, messages and locks to another process separately.
 */
export const GRACE = 100;
/** How long to wait for a lock manager's answer to whether a lock is free (ms). */
const UNRESPONSIVE = 1000;

const ignore = () => {};

/** `undefined` without Web Locks: on plain http, in old web views, on a server. */
export const locks = (): LockManager | undefined => globalThis.navigator?.locks;

/**
 * Runs work in one tab at a time (Web Locks, https://w3c.github.io/web-locks/).
 *
 * Waiting is bounded, because a frozen tab may hold the lock. The tabs that bypass it share a second lock. Only if that
 * is stuck, too, does a tab work without a lock.
 */
export class Lock {
  readonly #key: string;
  /** The lock is held by a tab that does not release it (frozen): the next attempt does not wait for it. */
  #stuck = false;
  /** Releases the lock "settling". */
  #endSettling: (() => void) | undefined;

  constructor(key: string) {
    this.#key = key;
  }

  /** @param patience for each lock, ms. @param signal ends the wait, not the work. @param onWait if another tab has it. */
  async hold<T>(
    work: () => Promise<T>,
    patience: number,
    signal: AbortSignal,
    onWait: () => void,
  ): Promise<T> {
    if (!locks()) return work();
    let running: Promise<T> | undefined;
    // This tab knows what it has stored itself.
    this.release();
    const run = async () => {
      // The previous tab's writes and messages may still be in transit.
      await this.#request("settling", false, ignore, 3 * GRACE, signal);
      throwIfAborted(signal);
      running = work();
      await running.catch(ignore);
      if (!signal.aborted) await this.#settle(signal);
    };
    for (const lock of ["turn", "second"] as const) {
      const wait = lock === "turn" && this.#stuck ? 0 : patience;
      await this.#request(lock, true, run, UNRESPONSIVE, signal);
      if (!running && wait && !signal.aborted) {
        if (lock === "turn") onWait();
        await this.#request(lock, false, run, wait, signal);
      }
      // Work that has begun continues, and its promise reports the outcome. Leaving now would hide that the lock is held.
      if (!running) throwIfAborted(signal);
      if (lock === "turn") this.#stuck = !running;
      if (running) return running;
    }
    return work();
  }

  /** Releases the lock. */
  release(): void {
    this.#endSettling?.();
  }

  /** Holds the lock "settling" for a moment, so that the next tab waits for this tab's writes. Resolves once it is held. */
  #settle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const linger = () =>
        new Promise<void>((end) => {
          resolve();
          const timer = setTimeout(end, GRACE);
          this.#endSettling = () => {
            clearTimeout(timer);
            end();
          };
        });
      this.#request("settling", true, linger, UNRESPONSIVE, signal).then(resolve);
    });
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
    try {
      // The key comes last, so that no other key can produce the same name.
      const granted = locks()!.request(
        `cube-token-manager.${lock}:${this.#key}`,
        ifAvailable ? { ifAvailable } : { signal: waiting.signal },
        async (lock) => {
          clearTimeout(timer);
          if (lock && !waiting.signal.aborted) await callback();
        },
      );
      // The browser's own limit does not help if it does not answer at all.
      await Promise.race([granted, given]);
      granted.catch(ignore);
    } catch {
      // Not granted in time, not allowed (an opaque origin), or stolen: the work goes on nevertheless.
    } finally {
      clearTimeout(timer);
      unlink();
    }
  }
}
