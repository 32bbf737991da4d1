import { CONNECT, type Connected } from "../core/connect.js";
import { connect } from "../tabs/connect.js";
import type { TokenStorage } from "./storage.js";

/** Makes a storage of your own one that a manager can use, and that tabs share: `customStorage(AsyncStorage)`. */
export const customStorage = (storage: TokenStorage): TokenStorage & Connected => {
  const { shared } = storage;
  return {
    ...(shared !== undefined && { shared }),
    getItem: (key) => storage.getItem(key),
    setItem: (key, value, options) => storage.setItem(key, value, options),
    removeItem: (key) => storage.removeItem(key),
    [CONNECT]: (core) => connect(core, storage),
  };
};
