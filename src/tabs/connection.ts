import type { Core } from "../core/dispatch.js";
import type { SafeStorage } from "../storage/safe.js";
import type { Channel } from "./channel.js";
import type { Lock } from "./lock.js";
import type { News } from "./messages.js";

/** The way to the other tabs; empty if none sees the storage. */
export interface Tabs {
  readonly channel?: Channel;
  readonly lock?: Lock;
}

/** A manager, its storage, and its links to the other tabs. */
export interface Connection {
  readonly core: Core;
  readonly storage: Pick<SafeStorage, "readNow" | "read" | "write">;
  /** Whether the storage has failed. */
  failed: boolean;
  /** Settles when the lock that this tab waits for or holds is released. */
  turn?: Promise<unknown> | undefined;
  /** The token that was returned before this tab listened to the others. */
  early: string | undefined;
  /** The timer of the steps that follow that: connecting, and `confirm()`. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Created when first needed, so that the first token does not wait for it. */
  tabs(): Tabs;
  /** Sends a message to the other tabs; nothing while the channel is closed. */
  tell(news: News): void;
}

/** Measured by the monotonic clock, so that a wall clock set back does not reverse the order of two managers. */
export const age = ({ made }: Core): number => performance.now() - made;
