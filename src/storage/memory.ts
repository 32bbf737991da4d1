import { CONNECT } from "../core/symbols.js";
import type { TokenStorage } from "./storage.js";

/** A manager keeps its token in memory as it is. */
const memory: TokenStorage = { [CONNECT]: () => undefined };

/** Whether `memoryStorage()` has made it. */
export const isMemoryStorage = (storage: object): boolean => storage === memory;

/** The default, by name: the manager's own memory. The token is gone with the page, out of reach for all others. */
export const memoryStorage = (): TokenStorage => memory;
