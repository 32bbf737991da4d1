import type { CubeTokenError } from "../errors.js";

/** The messages to other tabs that the core sends itself. */
type Notice =
  /** Cube refused the token with this jitter draw. */
  | { readonly type: "invalidated"; readonly draw: number; readonly failures: number; readonly wait: number }
  /** The source failed: how often in a row, and for how many ms no tab asks again. */
  | ({ readonly type: "failed"; readonly failures: number; readonly wait: number } & Pick<
      CubeTokenError,
      "code" | "status" | "retryAfter"
    >);

/** A manager's storage, and the tabs that share it. `tabs/connect.ts` creates one if the manager has a storage. */
export interface Peers {
  /** Starts listening, and announces this manager to the other tabs. */
  open(): void;
  /** Stops listening, and releases locks. */
  close(): void;
  tell(notice: Notice): void;
  /** Takes over the stored token, if the storage is synchronous and the token usable. The manager connects later. */
  recallNow(): boolean;
  /** Looks in the storage for a better token. With `wanted` false it only checks whose token is there. */
  lookUp(signal: AbortSignal, wanted?: boolean): Promise<boolean>;
  /** The same after a message of another tab, which may arrive before the stored token. */
  lookUpTwice(signal: AbortSignal): Promise<boolean>;
  /** Stores the current token. */
  store(): Promise<void>;
  /** Called when the source has answered with another token (`isNew`) or with the current one. */
  answered(signal: AbortSignal, isNew: boolean): Promise<void>;
  /** Signs out the other tabs. */
  announce(at: number): void;
  erase(): Promise<void>;
  /** Whether other tabs see the storage. */
  isShared(): boolean;
  /**
   * Runs `work` while no other tab does; only called if tabs share the storage.
   *
   * @param patience for each lock, in ms. @param signal ends the wait, not the work. @param onWait called if another tab
   * holds the lock.
   */
  inTurn<T>(work: () => Promise<T>, patience: number, signal: AbortSignal, onWait: () => void): Promise<T>;
  /** Whether the storage has failed. */
  hasFailed(): boolean;
}
