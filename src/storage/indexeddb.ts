import { del, get, promisifyRequest, set, type UseStore } from "idb-keyval";
import { isPage } from "./browser.js";
import { connectable } from "./connectable.js";
import { checkOptions, type Store, type TokenStorage } from "./storage.js";

/**
 * Names of the database and its object store.
 *
 * @example
 * const options: IndexedDBStorageOptions = { dbName: "my-app-tokens" };
 */
export interface IndexedDBStorageOptions {
  /**
   * Name of the database. @default "cube-token-manager"
   * @example
   * const storage = indexedDBStorage({ dbName: "my-app-tokens" });
   */
  dbName?: string | undefined;
  /**
   * Name of the object store. A database has one: for another store, use another `dbName`. @default "tokens"
   * @example
   * const storage = indexedDBStorage({ dbName: "my-app-tokens", storeName: "cube" });
   */
  storeName?: string | undefined;
}

export function indexedDBStore(dbName: string, storeName: string): Store {
  // One connection per operation and none in between, so that no `deleteDatabase` or upgrade has to wait.
  const once: UseStore = async (mode, operation) => {
    if (!isPage()) throw new Error();
    const request = indexedDB.open(dbName);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName);
    const db = await promisifyRequest(request);
    db.onversionchange = () => db.close();
    try {
      return await operation(db.transaction(storeName, mode).objectStore(storeName));
    } finally {
      db.close();
    }
  };
  // Safari closes connections unexpectedly, so a failed operation is retried once on a new one
  // (https://github.com/firebase/firebase-js-sdk/issues/4948).
  const store: UseStore = (mode, operation) => once(mode, operation).catch(() => once(mode, operation));
  return {
    getItem: (key) => get<string>(key, store),
    setItem: (key, value) => set(key, value, store),
    removeItem: (key) => del(key, store),
  };
}

/**
 * Keeps the token in IndexedDB, shared by all tabs and workers of the origin, and readable by every script of the origin.
 * It holds a connection only while it reads or writes.
 *
 * @throws {TypeError} on an unknown option, or one that is not a string.
 * @example
 * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: indexedDBStorage(), identity: user.id });
 */
export function indexedDBStorage(options: IndexedDBStorageOptions = {}): TokenStorage {
  checkOptions("indexedDBStorage", options, { dbName: "string", storeName: "string" });
  const { dbName = "cube-token-manager", storeName = "tokens" } = options;
  return connectable(indexedDBStore(dbName, storeName), true);
}
