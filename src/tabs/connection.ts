import type { Core } from "../core/dispatch.js";
import type { SafeStorage } from "../storage/safe.js";
import type { Channel } from "./channel.js";
import type { Lock } from "./lock.js";
import type { News } from "./messages.js";

/** A manager, its storage, and what it does with the other tabs. */
export interface Connection {
  readonly core: Core;
  readonly storage: Pick<SafeStorage, "readNow" | "read" | "write">;
  /** Whether the storage has failed. */
  failed: boolean;
  /** Ends when the lock is free again, which this tab waits for or holds. */
  turn?: Promise<unknown> | undefined;
  /** The token that went out before this tab heard of the others. */
  early: string | undefined;
  /** Of what follows on that. */
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Where other tabs see the storage. */
  readonly channel: Channel | undefined;
  readonly lock: Lock | undefined;
  /** Says something to the other tabs; nothing while the channel is closed. */
  tell(news: News): void;
}

/** Told by the monotonic clock, so that nobody's clock set back turns first and last around. */
export const age = ({ made }: Core): number => performance.now() - made;
