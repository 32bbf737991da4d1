import type { Core } from "../core/dispatch.js";
import { CONNECT } from "../core/symbols.js";
import { connect } from "../tabs/connect.js";
import type { Store, TokenStorage } from "./storage.js";

/** Makes a storage that managers can connect to. @param isShared whether other tabs see it. */
export const connectable = (store: Store, isShared: boolean): TokenStorage => ({
  [CONNECT](core: Core) {
    const { endpoint, storageKey } = core.options;
    if (!endpoint && !storageKey) throw new TypeError('"fetchToken" with a storage needs a "storageKey".');
    return () => connect(core, store, isShared);
  },
});
