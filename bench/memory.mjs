import { issue } from "./endpoint.mjs";
import { sdks } from "./sdks/index.mjs";

const HOW_MANY = 1000;

/** Measures the heap that one client with a token takes, in bytes. All clients of an SDK have the same token. */
export async function measureMemory() {
  const results = {};
  const heap = () => {
    for (let n = 0; n < 3; n++) globalThis.gc();
    return process.memoryUsage().heapUsed;
  };
  for (const [name, { create }] of Object.entries(sdks)) {
    const token = issue();
    const kept = [];
    try {
      // The first clients also pay for what is allocated once.
      for (let n = 0; n < 20; n++) kept.push(await create(token));
      const before = heap();
      for (let n = 0; n < HOW_MANY; n++) kept.push(await create(token));
      const bytes = (heap() - before) / HOW_MANY;
      // Used once more, so that they are not collected before the measurement.
      if (kept.every(({ getToken }) => getToken)) results[name] = bytes;
    } catch {
      // It cannot be created in Node.
    }
  }
  return results;
}
