import type { Core } from "../core/dispatch.js";
import { CONNECT } from "../core/symbols.js";
import { createPeers } from "../tabs/peers.js";
import type { TokenStorage } from "./storage.js";

const made = new WeakSet<object>();

/** Whether `memoryStorage()` has made it. */
export const isMemoryStorage = (storage: object): boolean => made.has(storage);

/**
 * Keeps the token in this object alone: gone with the page, out of reach for other tabs and for the next user. Managers
 * that are given the same one share its tokens.
 */
export function memoryStorage(): TokenStorage {
  const values = new Map<string, string>();
  const storage = {
    [CONNECT](core: Core) {
      const { storageKey, endpoint } = core.options;
      const key = storageKey ?? String(endpoint);
      const connection = {
        core,
        storage: {
          read: async () => values.get(key) ?? null,
          write: async (value: string | null) =>
            void (value === null ? values.delete(key) : values.set(key, value)),
        },
        failed: false,
        channel: undefined,
        lock: undefined,
        tell() {},
      };
      return () => createPeers(connection);
    },
  };
  made.add(storage);
  return storage;
}
