import { CubeTokenManager, cookieStorage, indexedDBStorage, webStorage } from "cube-token-manager";
import { createStore, get } from "idb-keyval";
import { peers } from "./cold-start-peers.mjs";
import { issue, requests } from "./endpoint.mjs";
import { median } from "./median.mjs";

const ROUNDS = 300;

/** Each storage, and the plain read that nobody gets around. */
const storages = {
  localStorage: { storage: () => webStorage(), raw: async () => localStorage.getItem("cube.token") },
  IndexedDB: {
    storage: () => indexedDBStorage(),
    raw: () => get("cube.token", createStore("cube-token-manager", "tokens")),
  },
  cookie: { storage: () => cookieStorage(), raw: async () => document.cookie },
};

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** From the construction of a manager to its first token out of a storage, in ms, beside the raw read. */
export async function measureColdStart() {
  const results = {};
  for (const [name, { storage, raw }] of Object.entries(storages)) {
    const create = () =>
      new CubeTokenManager({ endpoint: "/token", storage: storage(), storageKey: "cube.token" });
    const first = create();
    await first.getToken();
    // What is stored is stored behind the caller's back.
    await new Promise((resolve) => setTimeout(resolve, 300));
    first.dispose();
    const before = requests();
    const times = { raw: [], manager: [] };
    for (let round = 0; round < ROUNDS; round++) {
      times.raw.push(await timed(raw));
      const tokens = [];
      times.manager.push(
        await timed(async () => {
          tokens.push(create());
          await tokens[0].getToken();
        }),
      );
      tokens[0].dispose();
    }
    if (requests() !== before) throw new Error(`${name}: it asked the endpoint`);
    results[name] = { raw: median(times.raw), manager: median(times.manager) };
  }
  return results;
}

/** The same for the SDKs that keep a token in localStorage too, in ms. */
export async function measurePeers() {
  const token = issue();
  const results = {};
  for (const [name, { open, store, token: first }] of Object.entries(peers)) {
    try {
      await store(open(), token);
      if ((await first(open())) !== token) throw new Error("it found another token");
      const times = [];
      for (let round = 0; round < ROUNDS; round++) times.push(await timed(() => first(open())));
      results[name] = median(times);
    } catch (error) {
      results[name] = undefined;
      console.error(`${name}: ${error.message}`);
    }
  }
  return results;
}
