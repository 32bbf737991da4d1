import { type Core, emit } from "../core/dispatch.js";
import type { Peers } from "../core/peers.js";
import { SafeStorage } from "../storage/safe.js";
import type { TokenStorage } from "../storage/storage.js";
import { Channel } from "./channel.js";
import { age, type Connection } from "./connection.js";
import { Lock } from "./lock.js";
import { onMessage } from "./on-message.js";
import { answered, lookUp, lookUpTwice, store } from "./persistence.js";

/** Connects a manager to its storage, and to the tabs that share it. */
export function connect(core: Core, storage: TokenStorage): Peers {
  const { storageKey, crossTab, identity } = core.options;
  const isShared = crossTab && storage.shared !== false;
  const connection: Connection = {
    core,
    storage: new SafeStorage(storage, storageKey, (operation, reason) => {
      if (peers.failed) return;
      peers.failed = true;
      emit(core, { type: "storagefailed", operation, reason });
    }),
    channel: isShared ? new Channel(storageKey, (news) => onMessage(connection, news)) : undefined,
    lock: isShared ? new Lock(storageKey) : undefined,
    tell: (news) => channel?.tell({ identity, age: age(core), at: Date.now(), ...news }),
  };
  const { channel, lock, tell } = connection;
  const peers: Peers & { failed: boolean } = {
    failed: false,
    open() {
      channel?.open();
      tell({ type: "started" });
    },
    close() {
      lock?.release();
      channel?.close();
    },
    tell,
    lookUp: (signal, wanted) => lookUp(connection, signal, wanted),
    lookUpTwice: (signal) => lookUpTwice(connection, signal),
    store: () => store(connection),
    answered: (signal, isNew) => answered(connection, signal, isNew),
    // Said also by a manager that does not listen: before its first call, and after a sign-out.
    announce(at) {
      channel?.open();
      tell({ type: "cleared", at });
      if (core.phase !== "active") channel?.close();
    },
    erase: () => connection.storage.write(null),
    inTurn: lock && ((...args) => lock.hold(...args)),
  };
  return peers;
}
