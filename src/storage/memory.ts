import { CONNECT } from "../core/symbols.js";
import type { TokenStorage } from "./storage.js";

/** A manager keeps its token in memory as it is. */
const memory: TokenStorage = { [CONNECT]: () => undefined };

/** Whether `memoryStorage()` has made it. */
export const isMemoryStorage = (storage: object): boolean => storage === memory;

/**
 * The default: keeps the token in the manager's own memory. It is gone with the page, and no other code can find it.
 *
 * @example
 * new CubeTokenManager({ endpoint: "/auth/cubejs-token", storage: memoryStorage() });
 */
export const memoryStorage = (): TokenStorage => memory;
