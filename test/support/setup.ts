import { afterEach, expect, vi } from "vitest";
import { CONNECT } from "../../src/core/connect.js";
import { CubeTokenManager, customStorage } from "../../src/index.js";

const live = new Set<CubeTokenManager>();

/** A manager that is disposed when the test ends, so that no timer or listener of it reaches the next one. */
export function create(options: ConstructorParameters<typeof CubeTokenManager>[0]): CubeTokenManager {
  const { storage } = options;
  const isRaw = storage && !(CONNECT in storage);
  const manager = new CubeTokenManager(isRaw ? { ...options, storage: customStorage(storage) } : options);
  live.add(manager);
  return manager;
}

/** Nothing that a test does may leave a rejection that nobody handles. */
const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

afterEach(() => {
  for (const manager of live) manager.dispose();
  live.clear();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  expect(unhandled.splice(0)).toEqual([]);
});
