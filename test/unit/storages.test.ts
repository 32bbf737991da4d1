import "fake-indexeddb/auto";
import { createStore, set } from "idb-keyval";
import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  CubeTokenManager,
  type CustomStorage,
  cookieStorage,
  customStorage,
  indexedDBStorage,
  memoryStorage,
  type TokenEvent,
  type TokenStorage,
  webStorage,
} from "../../src/index.js";
import { connectable } from "../../src/storage/connectable.js";
import { cookieStore } from "../../src/storage/cookie.js";
import { indexedDBStore } from "../../src/storage/indexeddb.js";
import { SafeStorage } from "../../src/storage/safe.js";
import type { Store } from "../../src/storage/storage.js";
import { webStore } from "../../src/storage/web.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { SimulatedChannel, simulateTabs } from "../support/tabs.js";
import { advance, MINUTE, SECOND, settle, World } from "../support/world.js";

const KEY = "cube.token";
const BIG = `{"token":"${"x".repeat(12_000)}","é":"東京; =,\\"%"}`;

interface Kind {
  make: () => TokenStorage;
  /** The store behind it. */
  store: () => Store;
  shared: boolean;
  /** Writes a value behind the storage's back. */
  plant: (value: string) => unknown;
}

const kinds: Record<string, Kind> = {
  'webStorage("local")': {
    make: () => webStorage("local"),
    store: () => webStore("local"),
    shared: true,
    plant: (value) => localStorage.setItem(KEY, value),
  },
  'webStorage("session")': {
    make: () => webStorage("session"),
    store: () => webStore("session"),
    shared: false,
    plant: (value) => sessionStorage.setItem(KEY, value),
  },
  indexedDBStorage: {
    make: () => indexedDBStorage(),
    store: () => indexedDBStore("cube-token-manager", "tokens"),
    shared: true,
    plant: (value) => set(KEY, value, createStore("cube-token-manager", "tokens")),
  },
  cookieStorage: {
    make: () => cookieStorage(),
    store: () => cookieStore(),
    shared: true,
    plant: (value) => {
      // biome-ignore lint/suspicious/noDocumentCookie: as a hostile script would.
      document.cookie = `${KEY}=${encodeURIComponent(value)}; Path=/`;
    },
  },
};

const clearCookies = () => {
  for (const pair of document.cookie.split(/; */).filter(Boolean)) {
    // biome-ignore lint/suspicious/noDocumentCookie: as the browser does.
    document.cookie = `${pair.split("=")[0]}=; Path=/; Max-Age=0`;
  }
};

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  clearCookies();
  await kinds.indexedDBStorage!.store().removeItem(KEY);
});

describe.each(Object.entries(kinds))("%s", (name, { make, store, shared, plant }) => {
  it("returns what was stored", async () => {
    const storage = store();
    for (const value of ["value", "", BIG, "日本 🧊 ; =,%20\n"]) {
      await storage.setItem(KEY, value);
      expect(await storage.getItem(KEY)).toBe(value);
      // A reload.
      expect(await store().getItem(KEY)).toBe(value);
    }
  });

  it("returns null if absent", async () => {
    expect((await store().getItem("nothing")) ?? null).toBeNull();
  });

  it("overwrites long values with short ones and vice versa", async () => {
    const storage = store();
    for (const value of ["a", BIG, "b", `${BIG}${BIG}`, BIG, "c"]) {
      await storage.setItem(KEY, value);
      expect(await storage.getItem(KEY)).toBe(value);
    }
  });

  it("removes, even if absent", async () => {
    const storage = store();
    await storage.setItem(KEY, BIG);
    await storage.removeItem(KEY);
    expect((await storage.getItem(KEY)) ?? null).toBeNull();
    await storage.removeItem(KEY);
    expect(document.cookie).toBe("");
  });

  it("keeps keys apart, even if one is a prefix of the other", async () => {
    const storage = store();
    const keys = [KEY, `${KEY}.1`, `${KEY}+1`, "key with spaces; and = signs"];
    for (const key of keys) await storage.setItem(key, `${key} ${BIG}`);
    for (const key of keys) expect(await storage.getItem(key)).toBe(`${key} ${BIG}`);
    await storage.removeItem(KEY);
    expect((await storage.getItem(KEY)) ?? null).toBeNull();
    for (const key of keys.slice(1)) expect(await storage.getItem(key)).toBe(`${key} ${BIG}`);
    for (const key of keys) await storage.removeItem(key);
  });

  it("connects tabs if they share it", async () => {
    simulateTabs();
    await create({ fetchToken: async () => "opaque", storage: make() }).getToken();
    expect(SimulatedChannel.open.size).toBe(Number(shared));
  });

  it("accepts an expiry", async () => {
    const storage = store();
    await storage.setItem(KEY, "value", Date.now() + MINUTE);
    expect(await storage.getItem(KEY)).toBe("value");
  });

  it("serves a manager: one request, then none after a reload, none left after clear()", async () => {
    let requests = 0;
    const options = {
      fetchToken: async () => {
        requests++;
        return jwt({ n: requests, exp: Math.floor(Date.now() / 1000) + 300 });
      },
    };
    const first = create({ ...options, storage: make() });
    const token = await first.getToken();
    first.dispose();
    const second = create({ ...options, storage: make() });
    const events: TokenEvent[] = [];
    second.subscribe(outcomes((event) => events.push(event)));
    expect(await second.getToken()).toBe(token);
    expect(requests).toBe(1);
    expect(events).toEqual([{ type: "refreshed", from: "storage" }]);
    await second.clear();
    expect((await store().getItem(KEY)) ?? null).toBeNull();
  });

  const now = Math.floor(Date.now() / 1000);
  const record = {
    v: 1,
    token: jwt({ sub: "stored", exp: now + 300 }),
    at: Date.now(),
    ahead: 0,
    draw: 0.5,
    madeAt: 0,
    since: 0,
  };
  const corrupt: Record<string, string> = {
    nothing: "",
    "no JSON": "{",
    "a bare token": record.token,
    null: "null",
    "a number": "42",
    "a list": "[]",
    "another version": JSON.stringify({ ...record, v: 2 }),
    "no version": JSON.stringify({ ...record, v: undefined }),
    "no token": JSON.stringify({ ...record, token: undefined }),
    "a token that is not a string": JSON.stringify({ ...record, token: 42 }),
    "a truncated token": JSON.stringify({ ...record, token: record.token.slice(0, 40) }),
    "a token with a line break": JSON.stringify({ ...record, token: `${record.token}\n` }),
    "a JWT that does not decode": JSON.stringify({ ...record, token: "eyJhbGciOiJIUzI1NiJ9.e30x.x" }),
    "no time": JSON.stringify({ ...record, at: undefined }),
    "an infinite time": JSON.stringify(record).replace(/"at":\d+/, '"at":1e999'),
    "an offset that is not a number": JSON.stringify({ ...record, ahead: "0" }),
    "an invalid place in the jitter": JSON.stringify({ ...record, draw: -3 }),
    "another invalid place": JSON.stringify({ ...record, draw: 3 }),
    "an expiry that is not a number": JSON.stringify({ ...record, expiresAt: "never" }),
    "an invalid instant": JSON.stringify({ ...record, madeAt: -1 }),
    "an instant beyond all dates": JSON.stringify({ ...record, at: 1e300 }),
    "an offset beyond all dates": JSON.stringify({ ...record, ahead: 8.64e15 }),
    "an offset before all dates": JSON.stringify({ ...record, ahead: -1e308 }),
    "an infinite offset": JSON.stringify(record).replace('"ahead":0', '"ahead":1e999'),
    "an expiry beyond all dates": JSON.stringify({ ...record, token: "opaque", expiresAt: 2 ** 63 }),
    "requested after its arrival, in the far future": JSON.stringify({ ...record, since: 8e15 }),
    "requested a minute from now": JSON.stringify({ ...record, since: Date.now() + MINUTE }),
    "an invalid identity": JSON.stringify({ ...record, identity: 7 }),
    "from the far future": JSON.stringify({ ...record, at: 8e15, since: 8e15 }),
    "from the future": JSON.stringify({ ...record, at: Date.now() + 60 * MINUTE }),
    expired: JSON.stringify({ ...record, token: jwt({ exp: now - 10 }) }),
    "of another identity": JSON.stringify({ ...record, identity: "somebody" }),
    "deeply nested": "[".repeat(5000),
  };

  it.each(Object.entries(corrupt))("treats as absent: %s", async (_, value) => {
    await plant(value);
    const token = jwt({ sub: "fetched", exp: Math.floor(Date.now() / 1000) + 300 });
    const tokens = create({ fetchToken: async () => token, storage: make() });
    const events: TokenEvent[] = [];
    tokens.subscribe(outcomes((event) => events.push(event)));
    expect(await tokens.getToken()).toBe(token);
    expect(events).toEqual([{ type: "refreshed", from: "source" }]);
    // And replaces it by a good one.
    await vi.waitFor(async () => expect(await store().getItem(KEY)).toContain(token));
  });

  if (name === "cookieStorage") return;

  it("uses a good record planted the same way", async () => {
    await plant(JSON.stringify(record));
    const tokens = create({ fetchToken: () => Promise.reject(new Error("not needed")), storage: make() });
    expect(await tokens.getToken()).toBe(record.token);
  });
});

describe("a storage that fails", () => {
  const boom = () => {
    throw new DOMException("value: eyJzZWNyZXQi", "QuotaExceededError");
  };
  const hang = () => new Promise<never>(() => {});
  const working = (): CustomStorage => {
    const values = new Map<string, string>();
    return {
      getItem: (key) => values.get(key) ?? null,
      setItem: (key, value) => void values.set(key, value),
      removeItem: (key) => void values.delete(key),
    };
  };
  const failures: [string, () => CustomStorage, operation: string, reason: string][] = [
    ["getItem throws", () => ({ ...working(), getItem: boom }), "getItem", "QuotaExceededError"],
    [
      "getItem rejects",
      () => ({ ...working(), getItem: async () => boom() }),
      "getItem",
      "QuotaExceededError",
    ],
    ["getItem hangs", () => ({ ...working(), getItem: hang }), "getItem", "TimeoutError"],
    ["setItem throws (quota)", () => ({ ...working(), setItem: boom }), "setItem", "QuotaExceededError"],
    [
      "setItem rejects",
      () => ({ ...working(), setItem: async () => boom() }),
      "setItem",
      "QuotaExceededError",
    ],
    ["setItem hangs", () => ({ ...working(), setItem: hang }), "setItem", "TimeoutError"],
    [
      "all throw",
      () => ({ getItem: boom, setItem: boom, removeItem: boom }),
      "getItem",
      "QuotaExceededError",
    ],
    ["all hang", () => ({ getItem: hang, setItem: hang, removeItem: hang }), "getItem", "TimeoutError"],
    [
      "a non-error is thrown",
      () => ({
        ...working(),
        getItem: () => {
          throw "eyJzZWNyZXQi";
        },
      }),
      "getItem",
      "Error",
    ],
    [
      "an unreadable error is thrown",
      () => ({
        ...working(),
        getItem: () => {
          throw new Proxy(new Error(), { get: boom });
        },
      }),
      "getItem",
      "Error",
    ],
  ];

  it.each(failures)(
    "%s: continues in memory, reports it once, rejects no call",
    async (_, make, operation, reason) => {
      const world = new World();
      const tokens = create({ endpoint: "/token", fetch: world.fetch, storage: customStorage(make()) });
      const events: TokenEvent[] = [];
      tokens.subscribe(outcomes((event) => events.push(event)));
      const first = tokens.getToken();
      await advance(SECOND);
      expect(await first).toBe(world.tokens[0]);
      await advance(2 * SECOND);
      expect(await tokens.getToken()).toBe(await first);
      // Through several refreshes and a sign-out.
      await advance(20 * MINUTE);
      expect(world.accepts(await tokens.getToken())).toBe(true);
      const cleared = tokens.clear();
      await advance(SECOND);
      await cleared;
      const again = tokens.getToken();
      await advance(SECOND);
      expect(await again).toBe(world.tokens.at(-1));
      const failed = events.filter(({ type }) => type === "storagefailed");
      expect(failed).toEqual([{ type: "storagefailed", operation, reason }]);
      expect(JSON.stringify(events)).not.toContain("eyJ");
    },
  );

  it("by hanging delays the first call by at most a second, and the next not at all", async () => {
    const world = new World();
    const tokens = create({
      endpoint: "/token",
      fetch: world.fetch,
      storage: customStorage(failures[2]![1]()),
    });
    const first = tokens.getToken();
    await advance(999);
    expect(world.requests.length).toBe(0);
    await advance(1);
    await first;
    const second = tokens.getToken({ forceRefresh: true });
    await settle();
    expect(await second).toBe(world.tokens[1]);
  });

  it("to erase does not restore the token", async () => {
    const world = new World();
    const stored = new Map<string, string>();
    const tokens = create({
      endpoint: "/token",
      fetch: world.fetch,
      storage: customStorage({
        getItem: (key) => stored.get(key) ?? null,
        setItem: (key, value) => void stored.set(key, value),
        removeItem: boom,
      }),
    });
    const first = await tokens.getToken();
    await tokens.clear();
    expect(stored.size).toBe(1);
    expect(await tokens.getToken()).not.toBe(first);
  });

  it("once is used again for the next token", async () => {
    const world = new World();
    const stored = working();
    let full = true;
    const tokens = create({
      endpoint: "/token",
      fetch: world.fetch,
      storage: customStorage({ ...stored, setItem: (...args) => (full ? boom() : stored.setItem(...args)) }),
    });
    await tokens.getToken();
    expect(stored.getItem(KEY)).toBeNull();
    full = false;
    const second = await tokens.getToken({ forceRefresh: true });
    expect(stored.getItem(KEY)).toContain(second);
  });

  it("during a read has no effect when its late answer arrives", async () => {
    const world = new World();
    let answer: (value: string) => void = () => {};
    const late = new Promise<string>((resolve) => {
      answer = resolve;
    });
    const tokens = create({
      endpoint: "/token",
      fetch: world.fetch,
      storage: customStorage({ ...working(), getItem: () => late }),
    });
    const first = tokens.getToken();
    await advance(SECOND);
    const token = await first;
    answer(JSON.stringify({ v: 1, token: "late", at: Date.now(), ahead: 0, draw: 0, madeAt: 0, since: 0 }));
    await settle();
    expect(await tokens.getToken()).toBe(token);
  });

  it("waits for a write in flight before it reads", async () => {
    vi.useFakeTimers();
    const order: string[] = [];
    const later = (name: string, duration: number) =>
      new Promise<void>((resolve) =>
        setTimeout(() => {
          order.push(name);
          resolve();
        }, duration),
      );
    const safe = new SafeStorage(
      {
        getItem: async () => {
          order.push("read");
          return "value";
        },
        setItem: () => later("written", 300),
        removeItem: () => later("removed", 300),
      },
      KEY,
      () => order.push("failed"),
    );
    safe.write("one");
    safe.write("two");
    safe.write(null);
    const value = safe.read();
    await advance(SECOND);
    expect(await value).toBe("value");
    expect(order).toEqual(["written", "removed", "read"]);
  });

  it("is unavailable: webStorage and cookieStorage without a browser", async () => {
    vi.stubGlobal("localStorage", undefined);
    vi.stubGlobal("document", undefined);
    for (const storage of [webStorage(), cookieStorage()]) {
      const tokens = create({ fetchToken: async () => "opaque", storage });
      const events: TokenEvent[] = [];
      tokens.subscribe(outcomes((event) => events.push(event)));
      expect(await tokens.getToken()).toBe("opaque");
      expect(events.map(({ type }) => type)).toEqual(["storagefailed", "refreshed"]);
    }
  });

  it("is blocked: even accessing localStorage throws", async () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, "localStorage")!;
    Object.defineProperty(globalThis, "localStorage", {
      configurable: true,
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
    const tokens = create({ fetchToken: async () => "opaque", storage: webStorage() });
    const events: TokenEvent[] = [];
    tokens.subscribe(outcomes((event) => events.push(event)));
    expect(await tokens.getToken()).toBe("opaque");
    Object.defineProperty(globalThis, "localStorage", descriptor);
    expect(events[0]).toEqual({ type: "storagefailed", operation: "getItem", reason: "SecurityError" });
  });

  it("is IndexedDB whose connection the browser closed: reopened", async () => {
    const storage = indexedDBStore("closing", "tokens");
    await storage.setItem(KEY, "value");
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementationOnce(() => {
      throw new DOMException("closing", "InvalidStateError");
    });
    expect(await storage.getItem(KEY)).toBe("value");
    expect(transaction).toHaveBeenCalledTimes(2);
  });

  it("is IndexedDB, and never blocks a page that deletes or upgrades the database", async () => {
    const request = (open: () => IDBOpenDBRequest) =>
      new Promise<string>((resolve) => {
        const asked = open();
        asked.onblocked = () => resolve("blocked");
        asked.onsuccess = () => resolve("done");
        asked.onerror = () => resolve("failed");
      });
    const remove = () => request(() => indexedDB.deleteDatabase("gone"));
    const storage = indexedDBStorage({ dbName: "gone" });
    const tokens = create({ fetchToken: async () => "opaque", storage });
    // While it reads, while it writes, when idle, after a sign-out, and after the end.
    const call = tokens.getToken();
    expect(await remove()).toBe("done");
    await call;
    expect(await remove()).toBe("done");
    await tokens.getToken({ forceRefresh: true });
    expect(await remove()).toBe("done");
    await tokens.clear();
    expect(await remove()).toBe("done");
    await tokens.getToken();
    tokens.dispose();
    expect(await remove()).toBe("done");
    // A deleted database is created again.
    const store = indexedDBStore("gone", "tokens");
    const failed: string[] = [];
    const safe = new SafeStorage(store, KEY, (operation) => failed.push(operation));
    for (let n = 0; n < 20; n++) {
      const written = safe.write(`value ${n}`);
      const read = safe.read();
      expect(await remove()).toBe("done");
      await Promise.all([written, read]);
    }
    expect(failed).toEqual([]);
    expect(await request(() => indexedDB.open("gone", 2))).toBe("done");
  });

  it("is IndexedDB, and holds no connection when idle, as a frozen page could not close it", async () => {
    const open = vi.spyOn(IDBFactory.prototype, "open");
    const close = vi.spyOn(IDBDatabase.prototype, "close");
    const storage = indexedDBStorage({ dbName: "idle" });
    const tokens = create({ fetchToken: async () => "opaque", storage });
    await tokens.getToken();
    await vi.waitFor(() => expect(open.mock.calls.length).toBe(2));
    await vi.waitFor(() => expect(close.mock.calls.length).toBe(2));
    // Even after a failed operation.
    const failing = indexedDBStore("idle", "no such store");
    await expect(failing.getItem(KEY)).rejects.toThrow();
    expect(close.mock.calls.length).toBe(open.mock.calls.length);
    await tokens.clear();
    expect(close.mock.calls.length).toBe(open.mock.calls.length);
  });

  it("is IndexedDB that cannot be opened", async () => {
    vi.stubGlobal("indexedDB", { open: boom });
    const tokens = create({
      fetchToken: async () => "opaque",
      storage: indexedDBStorage({ dbName: "none" }),
    });
    expect(await tokens.getToken()).toBe("opaque");
  });
});

describe("memoryStorage", () => {
  const options = (world: World, more: object = {}) => ({ endpoint: "/token", fetch: world.fetch, ...more });

  it("is the manager's own memory, not shared", async () => {
    const world = new World();
    const storage = memoryStorage();
    const tokens = create(options(world, { storage }));
    const token = await tokens.getToken();
    expect(await tokens.getToken()).toBe(token);
    expect(await create(options(world, { storage })).getToken()).not.toBe(token);
    expect(await create(options(world)).getToken()).not.toBe(token);
    expect(world.requests.length).toBe(3);
  });

  it("needs no key with fetchToken", async () => {
    const fetchToken = async () => "opaque";
    expect(await new CubeTokenManager({ storage: memoryStorage(), fetchToken }).getToken()).toBe("opaque");
  });

  it("holds no token after a sign-out", async () => {
    const world = new World();
    const tokens = create(options(world, { storage: memoryStorage() }));
    await tokens.getToken();
    await tokens.clear();
    world.answer = () => new Response(null, { status: 401 });
    await expect(tokens.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
  });
});

describe("a stored token", () => {
  const options = (world: World, more: object = {}) => ({
    endpoint: "/token",
    fetch: world.fetch,
    storage: webStorage(),
    ...more,
  });

  it("serves after a reload with no request, and refreshes at the same instant as before", async () => {
    const world = new World();
    const first = create(options(world));
    const token = await first.getToken();
    const { refreshAt } = first.getSnapshot();
    first.dispose();
    await advance(MINUTE);
    const second = create(options(world));
    expect(await second.getToken()).toBe(token);
    expect(second.getSnapshot().refreshAt).toBe(refreshAt);
    expect(world.requests.length).toBe(1);
  });

  it("is served during one refresh when it is stale", async () => {
    const world = new World({ latency: SECOND });
    const first = create(options(world));
    first.getToken();
    await advance(SECOND);
    first.dispose();
    await advance(4 * MINUTE + 30 * SECOND);
    for (const autoRefresh of [true, false]) {
      const before = world.requests.length;
      const second = create(options(world, { autoRefresh, storageKey: "cube.token" }));
      const token = second.getToken();
      await settle();
      expect(await token).toBe(world.tokens[0]);
      await settle();
      expect(world.requests.length).toBe(before + 1);
      second.dispose();
    }
  });

  it("is served until it has expired, then replaced", async () => {
    const world = new World();
    const first = create(options(world));
    await first.getToken();
    first.dispose();
    await advance(5 * MINUTE);
    expect(await create(options(world)).getToken()).toBe(world.tokens[1]);
  });

  it("is served in its last moments if the source fails", async () => {
    const world = new World();
    const first = create(options(world));
    const token = await first.getToken();
    first.dispose();
    await advance(4 * MINUTE + 55 * SECOND);
    world.answer = () => new Response(null, { status: 503 });
    const second = create(options(world));
    expect(await second.getToken()).toBe(token);
    expect(second.getSnapshot().error).toMatchObject({ code: "ERR_HTTP_STATUS" });
  });

  it("of another identity is never used, and erased", async () => {
    for (const [before, after] of [
      ["ada", "grace"],
      ["ada", undefined],
      [undefined, "grace"],
    ]) {
      localStorage.clear();
      const world = new World();
      const first = create(options(world, { identity: before }));
      const token = await first.getToken();
      first.dispose();
      world.answer = () => new Response(null, { status: 401 });
      const second = create(options(world, { identity: after }));
      await expect(second.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
      expect(localStorage.getItem(KEY)).toBeNull();
      world.answer = () => undefined;
      expect(await second.getToken()).not.toBe(token);
      second.dispose();
      // And it is kept for its own identity.
      const requests = world.requests.length;
      await create(options(world, { identity: after })).getToken();
      expect(world.requests.length).toBe(requests);
    }
  });

  it("is not touched by the late answer for another identity of the page before", async () => {
    const world = new World();
    let open: (response: Response) => void = () => {};
    world.answer = (n) =>
      n === 1
        ? new Promise((resolve) => {
            open = resolve;
          })
        : undefined;
    const before = create(options(world, { identity: "ada" }));
    const call = before.getToken().catch((error: unknown) => error);
    await settle();
    // The page is reloaded for another user.
    before.dispose();
    const after = create(options(world, { identity: "grace" }));
    const token = await after.getToken();
    open(world.respond({ token: jwt({ sub: "ada" }) }));
    await settle();
    expect(await call).toMatchObject({ code: "ERR_DISPOSED" });
    expect(localStorage.getItem(KEY)).toContain(token);
    expect(await after.getToken()).toBe(token);
  });

  it("that another tab has stored in the meantime is used instead of a request", async () => {
    const world = new World();
    const here = create(options(world, { autoRefresh: false }));
    await here.getToken();
    await advance(3 * MINUTE);
    const there = create(options(world, { autoRefresh: false }));
    await there.getToken({ forceRefresh: true });
    await advance(MINUTE + SECOND);
    await here.getToken();
    await settle();
    expect(await here.getToken()).toBe(world.tokens[1]);
    expect(world.requests.length).toBe(2);
  });

  it("is used even if the clock was set back during its request", async () => {
    const world = new World({ latency: SECOND });
    const first = create(options(world));
    const call = first.getToken();
    await advance(500);
    world.setClock(-60 * MINUTE);
    await advance(500);
    const token = await call;
    first.dispose();
    await advance(MINUTE);
    expect(await create(options(world)).getToken()).toBe(token);
    expect(world.requests.length).toBe(1);
  });

  it("preserves the clock offset", async () => {
    for (const skew of [2 * 60 * MINUTE, -2 * 60 * MINUTE]) {
      localStorage.clear();
      const world = new World({ skew });
      const first = create(options(world));
      const token = await first.getToken();
      first.dispose();
      await advance(MINUTE);
      const second = create(options(world, { autoRefresh: false }));
      expect(await second.getToken()).toBe(token);
      await advance(4 * MINUTE);
      expect(world.accepts(await second.getToken())).toBe(true);
      expect(world.requests.length).toBe(2);
    }
  });

  it("preserves the expiry of an opaque token, which the storage receives on the local clock", async () => {
    const world = new World({ skew: 60 * MINUTE });
    world.answer = (n) => world.respond({ access_token: `opaque-${n}`, expires_in: 300 });
    const heard: number[] = [];
    const storage = connectable(
      {
        ...webStore("local"),
        setItem(key, value, expiresAt) {
          heard.push(Math.round((expiresAt! - Date.now()) / 1000));
          localStorage.setItem(key, value);
        },
      },
      true,
    );
    const first = create(options(world, { storage }));
    await first.getToken();
    first.dispose();
    expect(heard).toEqual([300]);
    await advance(MINUTE);
    const second = create(options(world, { storage, autoRefresh: false }));
    expect(await second.getToken()).toBe("opaque-1");
    await advance(4 * MINUTE);
    expect(await second.getToken()).toBe("opaque-2");
  });

  it("is never one that Cube refused", async () => {
    const world = new World();
    const tokens = create(options(world));
    const first = await tokens.getToken();
    tokens.invalidate(first);
    expect(await tokens.getToken()).toBe(world.tokens[1]);
    expect(localStorage.getItem(KEY)).toContain(world.tokens[1]);
  });
});
