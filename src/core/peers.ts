import type { CubeTokenError } from "../errors.js";

/** What a manager tells the other tabs by itself. */
type Notice =
  /** Cube refused the token with this place in the jitter. */
  | { readonly type: "invalidated"; readonly draw: number; readonly failures: number; readonly wait: number }
  /** The source failed: so often in a row, and nobody asks again for so many ms. */
  | ({ readonly type: "failed"; readonly failures: number; readonly wait: number } & Pick<
      CubeTokenError,
      "code" | "status" | "retryAfter"
    >);

/** A manager's storage, and the tabs that share it: `tabs/connect.ts` makes one where a storage is wanted. */
export interface Peers {
  /** Starts to listen, and tells that this manager is at work. */
  open(): void;
  /** Stops listening, and lets go of locks. */
  close(): void;
  tell(notice: Notice): void;
  /** Takes the token that the storage has, where it answers at once and the token can be used. The manager connects later. */
  recallNow(): boolean;
  /** Looks into the storage for a better token; with `wanted` false only whose the one there is. */
  lookUp(signal: AbortSignal, wanted?: boolean): Promise<boolean>;
  /** The same after another tab's news, which may be faster than the token. */
  lookUpTwice(signal: AbortSignal): Promise<boolean>;
  /** Stores the token that is held. */
  store(): Promise<void>;
  /** The source has answered: another token (`isNew`), or the one that is held. */
  answered(signal: AbortSignal, isNew: boolean): Promise<void>;
  /** Signs out the other tabs. */
  announce(at: number): void;
  erase(): Promise<void>;
  /** Whether other tabs see the storage. */
  isShared(): boolean;
  /**
   * Runs the work while no other tab does, where tabs share the storage.
   *
   * @param patience for each lock, ms. @param signal ends the wait, not the work. @param onWait another tab is at it.
   */
  inTurn<T>(work: () => Promise<T>, patience: number, signal: AbortSignal, onWait: () => void): Promise<T>;
  /** Whether the storage has failed. */
  hasFailed(): boolean;
}
