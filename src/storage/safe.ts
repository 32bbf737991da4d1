import type { Store } from "./storage.js";

/** The longest wait for a storage (ms). */
const PATIENCE = 1000;

type Operation = "getItem" | "setItem" | "removeItem";

function nameOf(error: unknown): string {
  try {
    if (error instanceof Error) return String(error.name);
  } catch {
    // A getter or proxy may throw.
  }
  return "Error";
}

/**
 * One value in a storage that may throw, hang, be full, be blocked or contain garbage.
 *
 * No method rejects. Writes run one after another and the last one wins, so that a slow `setItem` cannot restore a token
 * after `removeItem`.
 */
export class SafeStorage {
  readonly #storage: Store;
  readonly #key: string;
  readonly #onFailure: (operation: Operation, reason: string) => void;
  #next: { value: string | null; expiresAt: number | undefined } | undefined;
  #writing: Promise<void> | undefined;
  #reading: Promise<string | null> | undefined;
  /** The last write failed: the stored value is not the one it should be. */
  #dirty = false;
  /** Waiting for the write in flight has timed out once: nothing waits for it again. */
  #stuck = false;

  /** @param onFailure gets the error's name only: its message may quote the value. */
  constructor(storage: Store, key: string, onFailure: (operation: Operation, reason: string) => void) {
    this.#storage = storage;
    this.#key = key;
    this.#onFailure = onFailure;
  }

  async #run(operation: Operation, call: () => unknown): Promise<unknown> {
    try {
      return await call();
    } catch (error) {
      this.#failed(operation, error);
      return undefined;
    }
  }

  #failed(operation: Operation, error: unknown): void {
    if (operation !== "getItem") this.#dirty = true;
    this.#onFailure(operation, nameOf(error));
  }

  #within<T>(work: Promise<T>, operation: Operation): Promise<T | undefined> {
    return new Promise((resolve) => {
      if (this.#stuck) return resolve(undefined);
      const timer = setTimeout(() => {
        if (operation !== "getItem") this.#stuck = true;
        this.#failed(operation, Object.assign(new Error(), { name: "TimeoutError" }));
        resolve(undefined);
      }, PATIENCE);
      work.then((value) => {
        clearTimeout(timer);
        resolve(value);
      });
    });
  }

  /** The stored value, or `null`, if the storage is synchronous; `undefined` if the value is unknown. */
  readNow(): string | null | undefined {
    if (!this.#storage.isSync || this.#writing || this.#dirty) return undefined;
    try {
      return this.#storage.getItem(this.#key) as string | null;
    } catch (error) {
      this.#failed("getItem", error);
      return undefined;
    }
  }

  /** The stored value, or `null`, also while the storage fails. Takes a second at most. */
  async read(): Promise<string | null> {
    if (this.#writing) await this.#within(this.#writing, "setItem");
    // A storage that hangs, or whose last write failed, is not read.
    if (this.#dirty || this.#reading) return null;
    this.#reading = this.#run("getItem", () => this.#storage.getItem(this.#key)).then((value) => {
      this.#reading = undefined;
      return typeof value === "string" ? value : null;
    });
    return (await this.#within(this.#reading, "getItem")) ?? null;
  }

  /** Stores a value, or removes it (`null`). Starts at once; resolves when done, after a second at most. */
  async write(value: string | null, expiresAt?: number): Promise<void> {
    this.#next = { value, expiresAt };
    this.#writing ??= this.#drain();
    await this.#within(this.#writing, value === null ? "removeItem" : "setItem");
  }

  async #drain(): Promise<void> {
    while (this.#next) {
      const { value, expiresAt } = this.#next;
      this.#next = undefined;
      this.#dirty = false;
      if (value === null) await this.#run("removeItem", () => this.#storage.removeItem(this.#key));
      else await this.#run("setItem", () => this.#storage.setItem(this.#key, value, expiresAt));
    }
    this.#writing = undefined;
    this.#stuck = false;
  }
}
