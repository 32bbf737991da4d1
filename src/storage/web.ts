import { customStorage } from "./custom.js";
import type { TokenStorage } from "./storage.js";

/**
 * Keeps the token in Web Storage, where every script of the origin can read it.
 *
 * Touched only when used: in a third-party iframe merely looking at `window.localStorage` may throw
 * (https://github.com/metabase/metabase/issues/10970).
 *
 * @param area `"local"` survives the browser and is shared by all tabs, `"session"` lives and dies with one tab.
 * @default "local"
 */
export function webStorage(area: "local" | "session" = "local"): TokenStorage {
  if (area !== "local" && area !== "session") {
    throw new TypeError('webStorage: the area is "local" or "session"');
  }
  const store = () => {
    const storage = globalThis[`${area}Storage`];
    if (!storage) throw new Error(`There is no ${area}Storage here`);
    return storage;
  };
  return customStorage({
    shared: area === "local",
    getItem: (key) => store().getItem(key),
    setItem: (key, value) => store().setItem(key, value),
    removeItem: (key) => store().removeItem(key),
  });
}
