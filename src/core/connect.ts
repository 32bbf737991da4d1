import type { Core } from "./dispatch.js";
import type { Peers } from "./peers.js";
import type { CONNECT } from "./symbols.js";

/** A storage, as a manager sees it. */
export interface Connected {
  readonly [CONNECT]: (core: Core) => Peers;
}
