import { customStorage } from "./custom.js";
import type { TokenStorage } from "./storage.js";

/** Keeps the token in this storage object alone: gone with the page, out of reach for other tabs and for the next user. */
export function memoryStorage(): TokenStorage {
  const values = new Map<string, string>();
  return customStorage({
    shared: false,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  });
}
