import { CONNECT } from "../core/connect.js";
import { type Core, emit } from "../core/dispatch.js";
import { hasTabs } from "../storage/browser.js";
import { defaultKey } from "../storage/key.js";
import { SafeStorage } from "../storage/safe.js";
import type { Store, TokenStorage } from "../storage/storage.js";
import { Channel } from "./channel.js";
import { age, type Connection } from "./connection.js";
import { Lock } from "./lock.js";
import { onMessage } from "./on-message.js";
import { createPeers } from "./peers.js";

/** A storage for managers. @param isShared whether other tabs see it. */
export const connectable = (values: Store, isShared: boolean): TokenStorage => ({
  [CONNECT](core: Core) {
    const { endpoint, storageKey } = core.options;
    if (!endpoint && !storageKey) {
      throw new TypeError('With "fetchToken" and a storage give a "storageKey" too, for example "cube.token".');
    }
    return createPeers(() => connect(core, values, isShared));
  },
});

/** Connects a manager to its storage, and to the tabs that share it. */
function connect(core: Core, values: Store, isShared: boolean): Connection {
  const { endpoint, storageKey, crossTab, identity } = core.options;
  const key = storageKey ?? defaultKey(endpoint!);
  const isTab = crossTab && isShared && hasTabs();
  const connection: Connection = {
    core,
    storage: new SafeStorage(values, key, (operation, reason) => {
      if (connection.failed) return;
      connection.failed = true;
      emit(core, { type: "storagefailed", operation, reason });
    }),
    failed: false,
    channel: isTab ? new Channel(key, (news) => onMessage(connection, news)) : undefined,
    lock: isTab ? new Lock(key) : undefined,
    tell: (news) => connection.channel?.tell({ identity, age: age(core), at: Date.now(), ...news }),
  };
  return connection;
}
