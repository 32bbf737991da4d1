import { CubeTokenManager, cookieStorage, indexedDBStorage, webStorage } from "cube-token-manager";
import { createStore, get } from "idb-keyval";
import { peers } from "./cold-start-peers.mjs";
import { issue, requests } from "./endpoint.mjs";
import { middle } from "./median.mjs";

const ROUNDS = 300;

/** Each storage, and the plain read that every client needs. */
const storages = {
  localStorage: { storage: () => webStorage(), raw: async () => localStorage.getItem("cube.token") },
  IndexedDB: {
    storage: () => indexedDBStorage(),
    raw: () => get("cube.token", createStore("cube-token-manager", "tokens")),
  },
  cookie: { storage: () => cookieStorage(), raw: async () => document.cookie },
};

/**
 * Prepares the measurements of a storage: `run()` is timed, `end()` is not.
 *
 * @typedef {{ run: () => Promise<unknown>, end?: () => void }} Contestant
 * @returns {Promise<{ raw: Contestant, manager: Contestant }>} once there is a token in the storage.
 */
async function ours({ storage, raw }) {
  let tokens;
  const run = () => {
    tokens = new CubeTokenManager({ endpoint: "/token", storage: storage(), storageKey: "cube.token" });
    return tokens.getToken();
  };
  const end = () => tokens.dispose();
  await run();
  // The manager stores the token in the background.
  await new Promise((resolve) => setTimeout(resolve, 300));
  end();
  return { raw: { run: raw }, manager: { run, end } };
}

/** The SDKs that also keep a token in localStorage, as {@link Contestant}s. */
async function theirs() {
  const token = issue();
  const ready = {};
  for (const [name, { open, store, token: first }] of Object.entries(peers)) {
    try {
      await store(open(), token);
      if ((await first(open())) !== token) throw new Error("it found another token");
      ready[name] = { run: () => first(open()) };
    } catch (error) {
      console.error(`${name}: ${error.message}`);
    }
  }
  return ready;
}

/** Measures all in turn, so that none has the caches to itself. In ms. */
async function takeTurns(contestants) {
  const times = new Map(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, { run, end }] of Object.entries(contestants)) {
      const start = performance.now();
      await run();
      times.get(name).push(performance.now() - start);
      end?.();
    }
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, middle(all)]));
}

/** Measures the time from a client's constructor to its first token from each storage, next to the raw read. In ms. */
export async function measureColdStart() {
  const results = {};
  for (const [name, storage] of Object.entries(storages)) {
    const own = await ours(storage);
    const others = name === "localStorage" ? await theirs() : {};
    const before = requests();
    results[name] = await takeTurns({ ...own, ...others });
    if (requests() !== before) throw new Error(`${name}: a client sent a request to the endpoint`);
  }
  return results;
}
