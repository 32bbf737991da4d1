export type MaybePromise<T> = T | Promise<T>;

/**
 * Where a token survives. `window.localStorage` and React Native's AsyncStorage satisfy it as they are.
 * Any method may throw, reject or hang: the manager then goes on in memory.
 */
export interface TokenStorage {
  getItem(key: string): MaybePromise<string | null>;
  /** @param options `expiresAt`: when the value may be forgotten, in milliseconds since the epoch on the local clock. */
  setItem(key: string, value: string, options?: { expiresAt?: number }): MaybePromise<void>;
  removeItem(key: string): MaybePromise<void>;
  /**
   * Whether other tabs see it.
   * @default true
   */
  shared?: boolean;
}
