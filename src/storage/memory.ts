import { CONNECT } from "../core/symbols.js";
import type { TokenStorage } from "./storage.js";

/** Connects to nothing: a manager keeps its token in memory anyway. */
const memory: TokenStorage = { [CONNECT]: () => undefined };

/** Whether `memoryStorage()` created it. */
export const isMemoryStorage = (storage: object): boolean => storage === memory;

/**
 * The default: keeps the token in the manager's own memory. It does not survive a reload, and no other code can read it.
 *
 * @example
 * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: memoryStorage() });
 */
export const memoryStorage = (): TokenStorage => memory;
