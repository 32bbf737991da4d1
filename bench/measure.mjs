// endpoint.mjs must load before the SDKs: one of them keeps the fetch that it finds then.

import { measure } from "mitata/src/lib.mjs";
import { issue, requests } from "./endpoint.mjs";
import { median } from "./median.mjs";
import { sdks } from "./sdks/index.mjs";

const CALLERS = 10_000;
const ROUNDS = 5;

/** Why a client could not be created here. Contains no token. */
const reason = (error) =>
  String(error?.message ?? error)
    .split("\n")[0]
    .slice(0, 80);

/** Runs in the page and in Node. The clients take turns, in rounds, so that all see the machine in the same state. */
export async function measureClients() {
  const results = {};
  const clients = {};
  for (const [name, { create }] of Object.entries(sdks)) {
    try {
      const token = issue();
      const client = await create(token);
      if (!(await client.getToken()).startsWith("ey")) throw new Error("no token");
      clients[name] = client;
      results[name] = { warm: [] };
    } catch (error) {
      results[name] = { missing: reason(error) };
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, { getToken }] of Object.entries(clients)) {
      const { p50 } = await measure(() => getToken(), {
        min_cpu_time: 100e6,
        warmup_samples: 200,
      });
      results[name].warm.push(p50);
    }
  }
  for (const [name, { refresh }] of Object.entries(clients)) {
    results[name].warm = median(results[name].warm);
    if (!refresh) continue;
    const before = requests();
    const start = performance.now();
    const got = await Promise.allSettled(Array.from({ length: CALLERS }, () => refresh()));
    results[name].callers = {
      ms: performance.now() - start,
      requests: requests() - before,
      failed: got.filter(({ status }) => status === "rejected").length,
      ...(got[0].reason && { reason: reason(got[0].reason) }),
    };
  }
  return results;
}
