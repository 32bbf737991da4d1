import { connectable } from "./connectable.js";
import { checkOptions, type MaybePromise, type TokenStorage } from "./storage.js";

/**
 * What {@link customStorage} wraps. AsyncStorage already has these methods.
 *
 * @example
 * const extensionStorage: CustomStorage = {
 *   getItem: async (key) => (await chrome.storage.session.get(key))[key],
 *   setItem: (key, value) => chrome.storage.session.set({ [key]: value }),
 *   removeItem: (key) => chrome.storage.session.remove(key),
 * };
 */
export interface CustomStorage {
  /**
   * Returns the stored value or a promise of it; `null` or `undefined` if there is none.
   * @example
   * const getItem = (key: string) => mmkv.getString(key);
   */
  getItem(key: string): MaybePromise<string | null | undefined>;
  /**
   * Stores the value. If it returns a promise, the manager waits for it.
   * @example
   * const setItem = (key: string, value: string) => mmkv.set(key, value);
   */
  setItem(key: string, value: string): unknown;
  /**
   * Removes the value. If it returns a promise, the manager waits for it.
   * @example
   * const removeItem = (key: string) => mmkv.delete(key);
   */
  removeItem(key: string): unknown;
}

/**
 * Properties of a custom storage that cannot be detected.
 *
 * @example
 * const options: CustomStorageOptions = { shared: true };
 */
export interface CustomStorageOptions {
  /**
   * Whether other tabs of the same user see it. @default false
   * @example
   * const storage = customStorage(extensionStorage, { shared: true });
   */
  shared?: boolean | undefined;
}

/**
 * Makes a storage from anything that keeps strings by key: React Native's AsyncStorage, MMKV, `chrome.storage`.
 *
 * Its methods are called with exactly `(key)` and `(key, value)`. If one of them throws, rejects or hangs, the manager
 * continues in memory.
 *
 * @throws {TypeError} on an object without these methods, on `localStorage` and `sessionStorage` (use {@link webStorage}),
 * and on an unknown option.
 * @example
 * import AsyncStorage from "@react-native-async-storage/async-storage";
 *
 * const storage = customStorage(AsyncStorage);
 */
export function customStorage(storage: CustomStorage, options: CustomStorageOptions = {}): TokenStorage {
  const { Storage } = globalThis;
  if (Storage && storage instanceof Storage) {
    throw new TypeError('customStorage: use webStorage() or webStorage("session") instead.');
  }
  for (const method of ["getItem", "setItem", "removeItem"] as const) {
    if (typeof storage?.[method] !== "function") {
      throw new TypeError(`customStorage: "${method}" must be a function.`);
    }
  }
  checkOptions("customStorage", options, { shared: "boolean" });
  return connectable(
    {
      getItem: (key) => storage.getItem(key),
      setItem: (key, value) => storage.setItem(key, value),
      removeItem: (key) => storage.removeItem(key),
    },
    !!options.shared,
  );
}
