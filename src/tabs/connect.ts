import { type Core, emit } from "../core/dispatch.js";
import type { Peers } from "../core/peers.js";
import { SafeStorage } from "../storage/safe.js";
import type { TokenStorage } from "../storage/storage.js";
import { Channel } from "./channel.js";
import { Lock } from "./lock.js";
import type { News } from "./messages.js";
import { onMessage } from "./on-message.js";
import { answered, lookUp, lookUpTwice, store } from "./persistence.js";

/** A manager, its storage, and what it does with the other tabs. */
export interface Connection {
  readonly core: Core;
  readonly storage: SafeStorage;
  /** Where other tabs see the storage. */
  readonly channel: Channel | undefined;
  readonly lock: Lock | undefined;
  /** Says something to the other tabs; nothing while the channel is closed. */
  tell(news: News): void;
}

/** Told by the monotonic clock, so that nobody's clock set back turns first and last around. */
export const age = ({ made }: Core): number => performance.now() - made;

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
