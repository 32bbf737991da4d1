import { createStore, del, get, set, type UseStore } from "idb-keyval";
import { customStorage } from "./custom.js";
import type { TokenStorage } from "./storage.js";

export interface IndexedDBStorageOptions {
  /** Name of the database. @default "cube-token-manager" */
  dbName?: string;
  /** Name of the object store. One database holds one: take another `dbName` for another store. @default "tokens" */
  storeName?: string;
}

/** Keeps the token in IndexedDB: shared by all tabs and by the origin's workers, readable for every script of the origin. */
export function indexedDBStorage({
  dbName = "cube-token-manager",
  storeName = "tokens",
}: IndexedDBStorageOptions = {}): TokenStorage {
  let store: UseStore | undefined;
  // Safari closes connections behind our back, so what fails is tried once more on a fresh one
  // (https://github.com/firebase/firebase-js-sdk/issues/4948).
  const run = async <T>(operation: (store: UseStore) => Promise<T>): Promise<T> => {
    try {
      store ??= createStore(dbName, storeName);
      return await operation(store);
    } catch {
      store = createStore(dbName, storeName);
      return operation(store);
    }
  };
  return customStorage({
    shared: true,
    getItem: async (key) => (await run((store) => get<string>(key, store))) ?? null,
    setItem: (key, value) => run((store) => set(key, value, store)),
    removeItem: (key) => run((store) => del(key, store)),
  });
}
