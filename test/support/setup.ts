import { afterEach, expect, vi } from "vitest";
import { CubeTokenManager } from "../../src/index.js";

const live = new Set<CubeTokenManager>();

/**
 * A manager that is disposed when the test ends, so that no timer or listener of it reaches the next one. What it stores
 * is named "cube.token", unless the test says otherwise.
 */
export function create(options: ConstructorParameters<typeof CubeTokenManager>[0]): CubeTokenManager {
  const manager = new CubeTokenManager(options.storage ? { storageKey: "cube.token", ...options } : options);
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
