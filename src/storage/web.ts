import { isServer } from "./browser.js";
import { connectable } from "./connectable.js";
import type { Store, TokenStorage } from "./storage.js";

type Area = "local" | "session";

/** Accesses Web Storage only when used: in a third-party iframe, reading the property may already throw. */
export function webStore(area: Area): Store {
  // A concatenated name would make every property access slow.
  const name = area === "local" ? "localStorage" : "sessionStorage";
  // Node 25 and Deno have one per process, which may serve many users: on a server only a DOM library's counts.
  const store = (): Storage => (globalThis.document?.defaultView ?? (isServer() ? null : globalThis))![name];
  return {
    isSync: true,
    getItem: (key) => store().getItem(key),
    setItem: (key, value) => store().setItem(key, value),
    removeItem: (key) => store().removeItem(key),
  };
}

/**
 * Keeps the token in Web Storage, where every script of the origin can read it.
 *
 * Without a page (a server, a worker), or if Web Storage is blocked (a third-party iframe,
 * https://github.com/metabase/metabase/issues/10970), the manager continues in memory.
 *
 * @param area `"local"` survives the browser and is shared by all tabs; `"session"` belongs to one tab. @default "local"
 * @throws {TypeError} on any other area.
 * @example
 * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: webStorage("session"), identity: user.id });
 */
export function webStorage(area: "local" | "session" = "local"): TokenStorage {
  if (area !== "local" && area !== "session") {
    throw new TypeError('webStorage: the area must be "local" or "session"');
  }
  return connectable(webStore(area), area === "local");
}
