import type { CONNECT } from "../core/symbols.js";

/**
 * A value, or a promise of it.
 *
 * @example
 * const getItem = (key: string): MaybePromise<string | null> => preloaded[key] ?? AsyncStorage.getItem(key);
 */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Where a token survives: what `memoryStorage()`, `webStorage()`, `indexedDBStorage()`, `cookieStorage()` and
 * `customStorage()` return. It is opaque, and contains the code that a manager needs to use it.
 *
 * @example
 * const storage: TokenStorage = isSharedComputer ? memoryStorage() : webStorage();
 */
export interface TokenStorage {
  /** @internal */
  readonly [CONNECT]: unknown;
}

/** One value per key. If a method throws, rejects or hangs, the manager continues in memory. */
export interface Store {
  /** Whether `getItem` never returns a promise. */
  readonly isSync?: boolean;
  getItem(key: string): MaybePromise<string | null | undefined>;
  /** @param expiresAt when the value may be dropped, in milliseconds since the epoch on the local clock. */
  setItem(key: string, value: string, expiresAt?: number): unknown;
  removeItem(key: string): unknown;
}

/** @throws {TypeError} on an unknown option, and on a value of the wrong type. */
export function checkOptions(factory: string, options: object, types: Record<string, string>): void {
  if (typeof options !== "object") throw new TypeError(`${factory}: the options must be an object.`);
  for (const [name, value] of Object.entries(options)) {
    const type = Object.hasOwn(types, name) && types[name];
    if (!type) {
      throw new TypeError(`${factory}: unknown option "${name}". Valid: ${Object.keys(types).join(", ")}.`);
    }
    if (value !== undefined && typeof value !== type) {
      throw new TypeError(`${factory}: "${name}" must be a ${type}.`);
    }
  }
}
