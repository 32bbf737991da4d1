import { issue } from "./endpoint.mjs";
import { sdks } from "./sdks/index.mjs";

const HOW_MANY = 1000;

/** The heap that one client takes which holds a token, in bytes; the token is the same for all of them. */
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
      // What it needs once, whoever comes first.
      for (let n = 0; n < 20; n++) kept.push(await create(token));
      const before = heap();
      for (let n = 0; n < HOW_MANY; n++) kept.push(await create(token));
      const bytes = (heap() - before) / HOW_MANY;
      // Looked at once more, or they might be collected before they are weighed.
      if (kept.every(({ getToken }) => getToken)) results[name] = bytes;
    } catch {
      // It cannot be made in Node.
    }
  }
  return results;
}
