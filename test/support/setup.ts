import { afterEach, expect, vi } from "vitest";
import { CubeTokenManager } from "../../src/index.js";

const live = new Set<CubeTokenManager>();

/**
 * A manager that is disposed of when the test ends, so that none of its timers or listeners reaches the next one. Its
 * storage key is "cube.token", unless the test sets another.
 */
export function create(options: ConstructorParameters<typeof CubeTokenManager>[0]): CubeTokenManager {
  const manager = new CubeTokenManager(options.storage ? { storageKey: "cube.token", ...options } : options);
  live.add(manager);
  return manager;
}

/** No test may leave an unhandled rejection. */
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
