import { type Core, emit, type Shared } from "../core/dispatch.js";
import { SafeStorage } from "../storage/safe.js";
import { Channel } from "./channel.js";
import { Turn } from "./lock.js";
import { hear } from "./on-message.js";
import { answered, lookUp, lookUpTwice, store } from "./persistence.js";
import { announce } from "./remote-sign-out.js";

/** The storage of a manager, and the tabs that share it. */
export function connect(core: Core): Shared {
  const { storageKey, crossTab } = core.options;
  const storage = core.options.storage!;
  const tabs = crossTab && storage.shared !== false;
  const shared: Shared = {
    lookUp,
    lookUpTwice,
    store,
    answered,
    announce,
    storage: new SafeStorage(storage, storageKey, (operation, reason) => {
      if (shared.failed) return;
      shared.failed = true;
      emit(core, { type: "storagefailed", operation, reason });
    }),
    channel: tabs ? new Channel(storageKey, (news) => hear(core, news)) : undefined,
    turn: tabs ? new Turn(storageKey) : undefined,
    failed: false,
  };
  return shared;
}
