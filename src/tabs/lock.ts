import { onAbort, throwIfAborted } from "../core/abort.js";
import { MAX_TIMEOUT } from "../core/schedule.js";

/**
 * After another tab has done its part, what it stored and what it said may be some milliseconds away: browsers bring
 * localStorage, messages and locks to another process on three different ways.
 */
export const GRACE = 100;
/** A lock manager that does not even say whether a lock is free within this is not asked any longer. */
const UNRESPONSIVE = 1000;

const ignore = () => {};

/** `undefined` where there are none: on plain http, in old web views, on a server. */
export const locks = (): LockManager | undefined => globalThis.navigator?.locks;

/**
 * What one tab at a time does (Web Locks, https://w3c.github.io/web-locks/).
 *
 * Waiting is bounded: a frozen tab may hold the lock. The tabs that pass it over share a second one, and only where that
 * is stuck too a tab works on its own.
 */
export class Lock {
  readonly #key: string;
  /** The lock is held by a tab that does not let go of it (frozen): the next time it is not waited for. */
  #stuck = false;
  /** Lets go of the lock that says "there is something new". */
  #endSettling: (() => void) | undefined;

  constructor(key: string) {
    this.#key = key;
  }

  /** @param patience for each lock, ms. @param signal ends the wait, not the work. @param onWait another tab has it. */
  async hold<T>(
    work: () => Promise<T>,
    patience: number,
    signal: AbortSignal,
    onWait: () => void,
  ): Promise<T> {
    if (!locks()) return work();
    let running: Promise<T> | undefined;
    // What this tab itself has stored it knows.
    this.release();
    const run = async () => {
      // What the tab before has stored and said may still be on its way.
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
      // Work that has begun goes on, and says itself what became of it; who left it alone would hold the lock unseen.
      if (!running) throwIfAborted(signal);
      if (lock === "turn") this.#stuck = !running;
      if (running) return running;
    }
    return work();
  }

  /** Lets go. */
  release(): void {
    this.#endSettling?.();
  }

  /** Lets the next tab know, for a moment, that there is something new. Resolves at once. */
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
      // The key at the end, so that no other key can make the same name.
      const granted = locks()!.request(
        `cube-token-manager.${lock}:${this.#key}`,
        ifAvailable ? { ifAvailable } : { signal: waiting.signal },
        async (lock) => {
          clearTimeout(timer);
          if (lock && !waiting.signal.aborted) await callback();
        },
      );
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
}
