import { type Core, emit } from "../core/dispatch.js";
import type { Peers } from "../core/peers.js";
import { hasTabs, page } from "../storage/browser.js";
import { keyOfEndpoint } from "../storage/key.js";
import { SafeStorage } from "../storage/safe.js";
import type { Store } from "../storage/storage.js";
import { Channel } from "./channel.js";
import { age, type Connection, type Tabs } from "./connection.js";
import { Lock } from "./lock.js";
import { onMessage } from "./on-message.js";
import { createPeers } from "./peers.js";

/** Connects a manager to its storage and to the tabs that share it. @param isShared whether other tabs see it. */
export function connect(core: Core, store: Store, isShared: boolean): Peers {
  const { endpoint, storageKey, crossTab, identity } = core.options;
  const key = storageKey ?? keyOfEndpoint(endpoint!, ...page());
  let tabs: Tabs | undefined;
  const connection: Connection = {
    core,
    storage: new SafeStorage(store, key, (operation, reason) => {
      if (connection.failed) return;
      connection.failed = true;
      const tell = () => emit(core, { type: "storagefailed", operation, reason });
      // No listener runs while the lock is held.
      if (connection.turn) connection.turn.then(tell, tell);
      else tell();
    }),
    failed: false,
    early: undefined,
    timer: undefined,
    tabs() {
      const isTab = () => crossTab && isShared && hasTabs();
      tabs ??= isTab()
        ? { channel: new Channel(key, (news) => onMessage(connection, news)), lock: new Lock(key) }
        : {};
      return tabs;
    },
    tell: (news) => tabs?.channel?.tell({ identity, age: age(core), at: Date.now(), ...news }),
  };
  return createPeers(connection);
}
