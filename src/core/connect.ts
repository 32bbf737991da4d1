import type { Core } from "./dispatch.js";
import type { Peers } from "./peers.js";
import type { CONNECT } from "./symbols.js";

/** A storage as a manager sees it. */
export interface Connected {
  /**
   * Called by the constructor, so it touches no globals. The function that it returns is called when the storage is first
   * needed; `memoryStorage()` returns none.
   *
   * @throws {TypeError} if the storage needs an option that the manager does not have.
   */
  readonly [CONNECT]: (core: Core) => (() => Peers) | undefined;
}
