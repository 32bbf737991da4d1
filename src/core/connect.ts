import type { Core } from "./dispatch.js";
import type { Peers } from "./peers.js";
import type { CONNECT } from "./symbols.js";

/** A storage, as a manager sees it. */
export interface Connected {
  /**
   * Called by the constructor, which touches no global; what it returns is called when the storage is first needed.
   * Nothing, where that is the manager's own memory.
   *
   * @throws {TypeError} where the manager's options do not do for it.
   */
  readonly [CONNECT]: (core: Core) => (() => Peers) | undefined;
}
