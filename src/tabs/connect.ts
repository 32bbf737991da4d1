import { type Core, emit } from "../core/dispatch.js";
import type { Peers } from "../core/peers.js";
import { hasTabs, page } from "../storage/browser.js";
import { keyOfEndpoint } from "../storage/key.js";
import { SafeStorage } from "../storage/safe.js";
import type { Store } from "../storage/storage.js";
import { Channel } from "./channel.js";
import { age, type Connection } from "./connection.js";
import { Lock } from "./lock.js";
import type { News } from "./messages.js";
import { onMessage } from "./on-message.js";
import { createPeers } from "./peers.js";

/** A class because of its getters: those of an object literal are created per manager, which is slower than reading a token. */
class Shared implements Connection {
  readonly core: Core;
  readonly storage: SafeStorage;
  failed = false;
  turn: Promise<unknown> | undefined = undefined;
  early: string | undefined = undefined;
  timer: ReturnType<typeof setTimeout> | undefined = undefined;
  readonly #key: string;
  readonly #isShared: boolean;
  #others: Others | undefined = undefined;

  constructor(core: Core, store: Store, isShared: boolean) {
    const { endpoint, storageKey } = core.options;
    this.core = core;
    this.#isShared = isShared;
    this.#key = storageKey ?? keyOfEndpoint(endpoint!, ...page());
    this.storage = new SafeStorage(store, this.#key, (operation, reason) => {
      if (this.failed) return;
      this.failed = true;
      const tell = () => emit(core, { type: "storagefailed", operation, reason });
      // No listener runs while the lock is held.
      if (this.turn) this.turn.then(tell, tell);
      else tell();
    });
  }

  /** Created when first needed, so that the first token does not wait for it. */
  get #tabs(): Others {
    const isTab = () => this.core.options.crossTab && this.#isShared && hasTabs();
    this.#others ??= isTab()
      ? { channel: new Channel(this.#key, (news) => onMessage(this, news)), lock: new Lock(this.#key) }
      : {};
    return this.#others;
  }

  get channel(): Channel | undefined {
    return this.#tabs.channel;
  }

  get lock(): Lock | undefined {
    return this.#tabs.lock;
  }

  tell(news: News): void {
    const { core, channel } = this;
    channel?.tell({ identity: core.options.identity, age: age(core), at: Date.now(), ...news });
  }
}

interface Others {
  readonly channel?: Channel;
  readonly lock?: Lock;
}

/** Connects a manager to its storage and to the tabs that share it. @param isShared whether other tabs see it. */
export const connect = (core: Core, store: Store, isShared: boolean): Peers =>
  createPeers(new Shared(core, store, isShared));
