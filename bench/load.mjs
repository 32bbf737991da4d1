import cube from "@cubejs-client/core";
import { CubeTokenManager } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { median } from "./median.mjs";

const ROUNDS = 1500;
const WARM_UP = 200;

const shuffled = (names) =>
  names
    .map((name) => [Math.random(), name])
    .sort(([one], [other]) => one - other)
    .map(([, name]) => name);

/**
 * Measures what a manager adds to one `load()` of Cube's client. A real Cube server on this machine answers from its cache:
 * the fastest case, in which the manager's share is largest. The variants take turns.
 *
 * @param {typeof fetch} fetch the real one. @param {string} apiUrl @param {string} token one that the server accepts.
 * @returns medians in ms.
 */
export async function measureLoad(fetch, apiUrl, token) {
  const query = { measures: ["Orders.count"] };
  const tokens = new CubeTokenManager({ fetchToken: async () => token });
  await tokens.getToken();
  const stub = globalThis.fetch;
  globalThis.fetch = fetch;
  const apis = {
    constant: cube(token, { apiUrl }),
    again: cube(token, { apiUrl }),
    getToken: cube(tokens.getToken, { apiUrl }),
    createCubeApi: createCubeApi(tokens, { apiUrl }),
  };
  const names = Object.keys(apis);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    // Each pays for the work that the previous one left behind: so shuffle the order, and let pending work finish first.
    for (const name of shuffled(names)) {
      await new Promise(setImmediate);
      const start = performance.now();
      await apis[name].load(query);
      if (round >= WARM_UP) times[name].push(performance.now() - start);
    }
  }
  globalThis.fetch = stub;
  tokens.dispose();
  return Object.fromEntries(names.map((name) => [name, median(times[name])]));
}
