import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { type CustomStorage, customStorage, type TokenEvent } from "../../src/index.js";
import { create } from "../support/setup.js";

const require = createRequire(import.meta.url);

/** As published, on a native module that keeps the values in memory. */
const published = (version: 1 | 2): CustomStorage =>
  require(`async-storage-${version}/lib/commonjs/AsyncStorage.native.js`).default;

describe.each([1, 2] as const)("React Native's own AsyncStorage %i", (version) => {
  const storage = published(version);

  it("keeps a token: its methods get no argument that they mistake for a callback", async () => {
    let requests = 0;
    const make = () =>
      create({
        fetchToken: async () => ({ token: `token-${++requests}`, expires_in: 300 }),
        storage: customStorage(storage),
        storageKey: `async-storage-${version}`,
      });
    const events: TokenEvent["type"][] = [];
    const first = make();
    first.subscribe(({ type }) => events.push(type));
    expect(await first.getToken()).toBe("token-1");
    const stored = async () => storage.getItem(`async-storage-${version}`);
    for (let n = 0; n < 50 && !(await stored()); n++) await new Promise((resolve) => setTimeout(resolve, 10));
    first.dispose();
    const second = make();
    second.subscribe(({ type }) => events.push(type));
    expect(await second.getToken()).toBe("token-1");
    await second.clear();
    expect(await stored()).toBeNull();
    expect(await second.getToken()).toBe("token-2");
    expect(events).not.toContain("storagefailed");
  });
});

it("calls a custom storage with exactly (key) and (key, value), bound to it", async () => {
  const calls: unknown[][] = [];
  class Own {
    readonly values = new Map<string, string>();
    getItem(...args: [string]) {
      calls.push(["getItem", ...args]);
      return this.values.get(args[0]) ?? null;
    }
    setItem(...args: [string, string]) {
      calls.push(["setItem", ...args]);
      this.values.set(...args);
    }
    removeItem(...args: [string]) {
      calls.push(["removeItem", ...args]);
      this.values.delete(args[0]);
    }
  }
  for (const options of [{}, { shared: true }]) {
    const tokens = create({
      fetchToken: async () => ({ token: "opaque", expires_in: 300 }),
      storage: customStorage(new Own(), options),
      storageKey: "k",
    });
    await tokens.getToken();
    await tokens.clear();
  }
  const lengths = { getItem: 2, setItem: 3, removeItem: 2 };
  expect(new Set(calls.map(([method]) => method))).toEqual(new Set(Object.keys(lengths)));
  for (const call of calls) {
    expect(call.length).toBe(lengths[call[0] as keyof typeof lengths]);
    expect(call[1]).toBe("k");
  }
});
