import { vi } from "vitest";

type Grant = (lock: { name: string } | null) => unknown;

interface Waiting {
  grant(): void;
}

/** Web Locks in one process, as in https://w3c.github.io/web-locks/: granted in order, each in its own task. */
export class SimulatedLocks {
  readonly #held = new Map<string, { steal(): void }>();
  readonly #queue = new Map<string, Waiting[]>();

  held(): string[] {
    return [...this.#held.keys()];
  }

  waiting(): number {
    return [...this.#queue.values()].flat().length;
  }

  /** Takes the lock from its holder. */
  steal(name: string): void {
    this.#held.get(name)?.steal();
  }

  request(
    name: string,
    options: { ifAvailable?: boolean; signal?: AbortSignal },
    callback: Grant,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { ifAvailable, signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      const queue = this.#queue.get(name) ?? [];
      this.#queue.set(name, queue);
      const run = async () => {
        if (signal?.aborted) {
          this.#next(name);
          return reject(signal.reason);
        }
        let stolen = false;
        const holder = {
          steal: () => {
            stolen = true;
            release();
            reject(new DOMException("Stolen", "AbortError"));
          },
        };
        const release = () => {
          if (this.#held.get(name) !== holder) return;
          this.#held.delete(name);
          this.#next(name);
        };
        this.#held.set(name, holder);
        try {
          const result = await callback({ name });
          release();
          if (!stolen) resolve(result);
        } catch (error) {
          release();
          reject(error);
        }
      };
      if (!this.#held.has(name) && !queue.length) {
        // Held from now on, as in a browser's lock manager.
        this.#held.set(name, { steal() {} });
        setTimeout(run);
        return;
      }
      if (ifAvailable) {
        setTimeout(async () => {
          try {
            resolve(await callback(null));
          } catch (error) {
            reject(error);
          }
        });
        return;
      }
      const entry: Waiting = {
        grant: () => {
          this.#held.set(name, { steal() {} });
          setTimeout(run);
        },
      };
      queue.push(entry);
      signal?.addEventListener("abort", () => {
        const index = queue.indexOf(entry);
        if (index >= 0) queue.splice(index, 1);
        reject(signal.reason);
      });
    });
  }

  #next(name: string): void {
    this.#held.delete(name);
    this.#queue.get(name)?.shift()?.grant();
  }
}

/** BroadcastChannel in one process: messages arrive in order, each in its own task. */
export class SimulatedChannel {
  static readonly open = new Set<SimulatedChannel>();
  static readonly sent: unknown[] = [];
  readonly name: string;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(name: string) {
    this.name = name;
    SimulatedChannel.open.add(this);
  }

  postMessage(data: unknown): void {
    const copy = structuredClone(data);
    SimulatedChannel.sent.push(copy);
    for (const other of SimulatedChannel.open) {
      if (other === this || other.name !== this.name) continue;
      setTimeout(() => SimulatedChannel.open.has(other) && other.onmessage?.({ data: copy }));
    }
  }

  close(): void {
    SimulatedChannel.open.delete(this);
  }
}

/** A browser's user agent: with those of happy-dom and Node, managers have no tabs. */
export const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

/** Turns this process's managers into tabs of one browser. Locks and messages run on the (faked) timers. */
export function simulateTabs(): SimulatedLocks {
  const locks = new SimulatedLocks();
  SimulatedChannel.open.clear();
  SimulatedChannel.sent.length = 0;
  vi.stubGlobal("BroadcastChannel", SimulatedChannel);
  vi.stubGlobal("navigator", { locks, userAgent: USER_AGENT });
  return locks;
}
