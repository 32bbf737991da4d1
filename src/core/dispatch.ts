import type { Source } from "../source/source.js";
import type { SafeStorage } from "../storage/safe.js";
import type { Channel } from "../tabs/channel.js";
import type { Turn } from "../tabs/lock.js";
import type { News } from "../tabs/messages.js";
import type { TokenEvent } from "../types.js";
import type { Change, Known, State } from "./state.js";

/** What a manager does with a storage, and with the tabs that share it: `src/shared`, where one is wanted. */
export interface Shared {
  /** Looks into the storage for a better token; with `wanted` false only whose the one there is. */
  lookUp(core: Core, signal: AbortSignal, wanted?: boolean): Promise<boolean>;
  /** The same after another tab's news, which may be faster than the token. */
  lookUpTwice(core: Core, signal: AbortSignal): Promise<boolean>;
  store(core: Core): Promise<void>;
  /** The source has answered: another token (`isNew`), or the one that is held. */
  answered(core: Core, signal: AbortSignal, isNew: boolean): Promise<void>;
  /** Signs out the other tabs. */
  announce(core: Core, at: number): void;
  readonly storage: SafeStorage;
  /** Where other tabs see the storage. */
  readonly channel: Channel | undefined;
  readonly turn: Turn | undefined;
  failed: boolean;
}

/** Under this a storage carries what connects a manager to it, so that who uses none carries none of it. */
export const CONNECT: unique symbol = Symbol.for("cube-token-manager.connect");

export interface Connected {
  readonly [CONNECT]: (core: Core) => Shared;
}

/** One manager: its state, which {@link set} alone changes, and what it works with. */
export type Core = Known & {
  readonly source: Source;
  readonly shared: Shared | undefined;
  /** What follows from a change, and from the state alone: the timer, the fast path. */
  readonly changed: () => void;
  stopWaking: (() => void) | undefined;
  /** `undefined` once it is disposed. */
  listeners: Set<(event: TokenEvent) => void> | undefined;
};

export function set(core: Core, change: Change | State): void {
  Object.assign(core, change);
  core.changed();
}

export function emit(core: Core, event: TokenEvent): void {
  for (const listener of [...(core.listeners ?? [])]) {
    try {
      listener(event);
    } catch (error) {
      globalThis.reportError?.(error);
    }
  }
}

/** Told by the monotonic clock, so that nobody's clock set back turns first and last around. */
export const age = ({ made }: Core): number => performance.now() - made;

/** Says something to the other tabs; nothing while the channel is closed. */
export const tell = (core: Core, news: News): void =>
  core.shared?.channel?.tell({ identity: core.options.identity, age: age(core), at: Date.now(), ...news });
