import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  type CubeTokenManager,
  cookieStorage,
  memoryStorage,
  type TokenEvent,
  type TokenStorage,
  webStorage,
} from "../../src/index.js";
import { GRACE } from "../../src/tabs/lock.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { SimulatedChannel, simulateTabs } from "../support/tabs.js";
import { advance, HOUR, MINUTE, SECOND, settle, World } from "../support/world.js";

let world: World;

/** Synchronous storages. */
const storages: Record<string, () => TokenStorage> = {
  localStorage: () => webStorage(),
  cookie: () => cookieStorage(),
};

beforeEach(() => {
  world = new World();
  simulateTabs();
  localStorage.clear();
  sessionStorage.clear();
});

const open = (options: object = {}): CubeTokenManager =>
  create({ endpoint: "/token", fetch: world.fetch, storage: webStorage(), ...options });

/** The events of its tokens. */
function watch(tokens: CubeTokenManager): TokenEvent[] {
  const events: TokenEvent[] = [];
  tokens.subscribe(outcomes((event) => events.push(event)));
  return events;
}

/** A tab with a token, which it has stored. */
async function openFirst(options?: object): Promise<CubeTokenManager> {
  const tokens = open(options);
  tokens.getToken();
  await advance(SECOND);
  return tokens;
}

const caught = (promise: Promise<string>) => promise.catch((error) => error);

/** As if the process had not yet seen the other process's change of localStorage. */
function lag(): () => void {
  const real = localStorage;
  const stale = real.getItem("cube.token");
  vi.stubGlobal("localStorage", {
    getItem: () => stale,
    setItem: (key: string, value: string) => real.setItem(key, value),
    removeItem: (key: string) => real.removeItem(key),
  });
  return () => vi.stubGlobal("localStorage", real);
}

describe.each(Object.entries(storages))("a token in %s", (_name, storage) => {
  it("is returned before the manager adds listeners, which follow a task later", async () => {
    await openFirst({ storage: storage() });
    const channels = SimulatedChannel.open.size;
    const listen = vi.spyOn(window, "addEventListener");
    const tokens = open({ storage: storage() });
    const events = watch(tokens);
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    expect(tokens.getSnapshot()).toMatchObject({ status: "fresh", refreshing: false });
    expect(events).toEqual([{ type: "refreshed", from: "storage" }]);
    expect(SimulatedChannel.open.size).toBe(channels);
    expect(listen).not.toHaveBeenCalled();
    await settle();
    expect(SimulatedChannel.open.size).toBe(channels + 1);
    expect(listen).toHaveBeenCalledWith("online", expect.anything());
    await advance(HOUR);
    expect(await tokens.getToken()).toBe(world.tokens.at(-1));
  });

  it("is refreshed by the timer, without another call", async () => {
    (await openFirst({ storage: storage() })).dispose();
    const tokens = open({ storage: storage() });
    await tokens.getToken();
    await advance(5 * MINUTE);
    expect(world.requests.length).toBe(2);
  });

  it("is forgotten if another tab signs out before this one listens", async () => {
    const other = await openFirst({ storage: storage() });
    const tokens = open({ storage: storage() });
    const events = watch(tokens);
    await tokens.getToken();
    await other.clear();
    await settle();
    expect(events.at(-1)).toEqual({ type: "cleared", from: "tab" });
    expect(tokens.getSnapshot().status).toBe("empty");
    // Neither leaves a channel, timer or listener behind.
    expect(SimulatedChannel.open.size).toBe(0);
    await advance(SECOND);
    expect(vi.getTimerCount()).toBe(0);
    const call = tokens.getToken();
    await advance(SECOND);
    expect(await call).toBe(world.tokens[1]);
  });

  it("is replaced if another tab has since got a better one", async () => {
    const other = await openFirst({ storage: storage() });
    const tokens = open({ storage: storage() });
    await tokens.getToken();
    // Its message is sent before this tab listens.
    const channels = vi.spyOn(SimulatedChannel.prototype, "postMessage").mockReturnValue();
    await advance(MINUTE);
    const again = open({ storage: storage() });
    await again.getToken();
    const forced = other.getToken({ forceRefresh: true });
    await advance(SECOND);
    channels.mockRestore();
    expect(await again.getToken()).toBe(await forced);
    expect(world.requests.length).toBe(2);
  });

  it("is replaced by a newer stored token when the manager starts to listen, with an event", async () => {
    const other = await openFirst({ storage: storage() });
    await advance(MINUTE);
    const tokens = open({ storage: storage() });
    const events = watch(tokens);
    await tokens.getToken();
    // Its message comes before this tab listens.
    const channels = vi.spyOn(SimulatedChannel.prototype, "postMessage").mockReturnValue();
    const forced = other.getToken({ forceRefresh: true });
    await advance(SECOND);
    channels.mockRestore();
    expect(events).toEqual([
      { type: "refreshed", from: "storage" },
      { type: "refreshed", from: "storage" },
    ]);
    expect(await tokens.getToken()).toBe(await forced);
  });

  it("stays without crossTab, even if the storage is cleared", async () => {
    (await openFirst({ storage: storage() })).dispose();
    const tokens = open({ storage: storage(), crossTab: false });
    await tokens.getToken();
    localStorage.clear();
    await advance(SECOND);
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it("of another user is not returned; the newer manager owns the key, as ever", async () => {
    const grace = await openFirst({ storage: storage(), identity: "grace" });
    await advance(SECOND);
    const ada = open({ storage: storage(), identity: "ada" });
    const got = ada.getToken();
    await advance(SECOND);
    expect(await got).toBe(world.tokens[1]);
    expect(await caught(grace.getToken())).toMatchObject({ code: "ERR_CLEARED" });
  });

  it("of another, newer user ends this manager at its first call", async () => {
    const ada = open({ storage: storage(), identity: "ada" });
    await advance(SECOND);
    await openFirst({ storage: storage(), identity: "grace" });
    expect(await caught(ada.getToken())).toMatchObject({
      code: "ERR_CLEARED",
      message: expect.stringContaining("Another user"),
    });
    expect(world.requests.length).toBe(1);
  });
});

describe("before a manager has connected", () => {
  it("the second read of the storage finds a sign-out that arrives late", async () => {
    const other = await openFirst();
    const tokens = open();
    const events = watch(tokens);
    await tokens.getToken();
    const catchUp = lag();
    await other.clear();
    await settle();
    expect(tokens.getSnapshot().status).toBe("fresh");
    catchUp();
    await advance(GRACE);
    expect(events.at(-1)).toEqual({ type: "cleared", from: "tab" });
  });

  it.each(["dispose", "clear"] as const)("%s() leaves no timer, listener or channel", async (end) => {
    (await openFirst()).dispose();
    const listen = vi.spyOn(window, "addEventListener");
    const tokens = open();
    await tokens.getToken();
    await tokens[end]();
    expect(vi.getTimerCount()).toBe(0);
    await advance(SECOND);
    expect(listen).not.toHaveBeenCalled();
    expect(SimulatedChannel.open.size).toBe(0);
  });

  it("dispose() after the first read leaves no timer for the second", async () => {
    (await openFirst()).dispose();
    const tokens = open();
    await tokens.getToken();
    await settle();
    tokens.dispose();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("clear() reaches the other tabs", async () => {
    const other = await openFirst();
    const events = watch(other);
    const tokens = open();
    await tokens.getToken();
    await tokens.clear();
    await settle();
    expect(events.at(-1)).toEqual({ type: "cleared", from: "tab" });
  });

  it("a refusal reaches the other tabs", async () => {
    const other = await openFirst();
    const events = watch(other);
    const tokens = open();
    await tokens.getToken();
    tokens.invalidate();
    await settle();
    expect(events.map(({ type }) => type)).toContain("invalidated");
  });

  it("a listener that signs out or disposes keeps the token from the caller", async () => {
    await openFirst();
    for (const [end, code] of [
      ["clear", "ERR_CLEARED"],
      ["dispose", "ERR_DISPOSED"],
    ] as const) {
      await openFirst();
      const tokens = open({ crossTab: false });
      tokens.subscribe(({ type }) => type === "refreshed" && void tokens[end]());
      expect(await caught(tokens.getToken())).toMatchObject({ code });
      await advance(SECOND);
      expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
    }
  });

  it("a refresh that ends in the same task reaches the other tabs", async () => {
    vi.stubGlobal("navigator", { userAgent: navigator.userAgent });
    const token = jwt({ n: 1, exp: Math.floor(Date.now() / 1000) + 600 });
    const other = await openFirst();
    const tokens = create({ fetchToken: async () => token, storage: webStorage() });
    await tokens.getToken();
    await tokens.getToken({ forceRefresh: true });
    await settle();
    expect(await other.getToken()).toBe(token);
  });

  it("a sign-out elsewhere counts during a refresh", async () => {
    const other = await openFirst();
    const tokens = open();
    await tokens.getToken();
    await other.clear();
    expect(await caught(tokens.getToken({ forceRefresh: true }))).toMatchObject({ code: "ERR_CLEARED" });
    expect(tokens.getSnapshot().status).toBe("empty");
  });

  it("a stored token that disappears after its expiry is no sign-out", async () => {
    (await openFirst()).dispose();
    const tokens = open({ autoRefresh: false });
    const events = watch(tokens);
    await tokens.getToken();
    await settle();
    localStorage.clear();
    world.sleep(HOUR);
    await advance(GRACE);
    expect(events.map(({ type }) => type)).toEqual(["refreshed"]);
  });

  it("forceRefresh still asks the source", async () => {
    await openFirst();
    const tokens = open();
    const forced = tokens.getToken({ forceRefresh: true });
    await advance(SECOND);
    expect(await forced).toBe(world.tokens[1]);
  });

  it("a stored token that is due is returned, and a refresh starts", async () => {
    (await openFirst({ autoRefresh: false })).dispose();
    await advance(4.5 * MINUTE);
    const tokens = open({ autoRefresh: false });
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    await advance(SECOND);
    expect(await tokens.getToken()).toBe(world.tokens[1]);
  });

  it("a storage that throws is reported once, and the source is asked", async () => {
    vi.stubGlobal("localStorage", {
      getItem() {
        throw Object.assign(new Error(), { name: "SecurityError" });
      },
      setItem() {},
      removeItem() {},
    });
    const tokens = open();
    const events = watch(tokens);
    const call = tokens.getToken();
    await advance(SECOND);
    expect(await call).toBe(world.tokens[0]);
    expect(events.filter(({ type }) => type === "storagefailed")).toEqual([
      { type: "storagefailed", operation: "getItem", reason: "SecurityError" },
    ]);
  });

  it("garbage in the storage is not served", async () => {
    for (const garbage of ["{", "null", '{"v":1}', '{"v":1,"token":"a.b.c"}', ""]) {
      localStorage.setItem("cube.token", garbage);
      const tokens = open({ storageKey: "cube.token" });
      const call = tokens.getToken();
      await advance(SECOND);
      expect(await call).toBe(world.tokens.at(-1));
      tokens.dispose();
    }
  });
});

it("sessionStorage and memory start like localStorage, without other tabs", async () => {
  for (const storage of [webStorage("session"), memoryStorage()]) {
    const tokens = await openFirst({ storage });
    const again = open({ storage });
    const call = again.getToken();
    await advance(SECOND);
    expect(await call).toBe(world.tokens.at(-1));
    expect(SimulatedChannel.open.size).toBe(0);
    tokens.dispose();
  }
});

it.each([
  ["ASCII", { name: "Ada" }],
  ["umlauts", { name: "Bär", city: "Ōsaka" }],
  ["characters that base64url writes as - and _", { name: "???>>>~~~ \u00ff\u00fe" }],
])("reads claims with %s", async (_name, claims) => {
  const exp = Math.floor(Date.now() / 1000) + 300;
  const tokens = create({ fetchToken: async () => jwt({ ...claims, exp }) });
  await tokens.getToken();
  expect(tokens.getSnapshot().claims).toEqual({ ...claims, exp });
});
