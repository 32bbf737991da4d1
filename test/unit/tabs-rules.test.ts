import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CubeTokenManager, type CustomStorage, customStorage } from "../../src/index.js";
import { endpointSource } from "../../src/source/endpoint.js";
import { create } from "../support/setup.js";
import { SimulatedChannel, simulateTabs } from "../support/tabs.js";
import { advance, HOUR, MINUTE, SECOND, settle, World } from "../support/world.js";

const KEY = "cube.token";
let world: World;
let values: Map<string, string>;
let storage: CustomStorage;

beforeEach(() => {
  world = new World();
  simulateTabs();
  values = new Map();
  storage = {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
});

const open = (options: object = {}) =>
  create({
    endpoint: "/token",
    fetch: world.fetch,
    storage: customStorage(storage, { shared: true }),
    storageKey: KEY,
    ...options,
  });
const outcome = (promise: Promise<string>) => promise.catch((error) => error);
/** Calls getToken(); locks take their time. */
const get = async (tokens: CubeTokenManager) => {
  const call = outcome(tokens.getToken());
  await advance(500);
  return call;
};
/** Sends a message from another tab. */
const say = (news: object) =>
  new SimulatedChannel(`cube-token-manager:${KEY}`).postMessage({ v: 1, age: 0, at: Date.now(), ...news });

describe("a manager without an identity counts as another user's for one with an identity", () => {
  it.each([
    ["started", 1000, true],
    ["refreshed", 1000, true],
    ["started", 60_000, false],
    // Its sign-out affects only itself.
    ["cleared", 1000, false],
  ])("%s, made %s ms ago: takes over: %s", async (type, age, takesOver) => {
    const tokens = open({ identity: "ada" });
    await get(tokens);
    await advance(10 * SECOND);
    say({ type, age });
    await advance(10);
    if (takesOver) expect(await get(tokens)).toMatchObject({ code: "ERR_CLEARED" });
    else expect(await get(tokens)).toBe(world.tokens[0]);
  });

  it("and vice versa", async () => {
    const tokens = open();
    await get(tokens);
    await advance(10 * SECOND);
    say({ type: "started", identity: "ada", age: 1000 });
    await advance(10);
    expect(await get(tokens)).toMatchObject({ code: "ERR_CLEARED" });
  });
});

describe("of two users whose managers were created at the same time", () => {
  it.each([
    ["started", true],
    ["refreshed", false],
    ["failed", false],
    ["unchanged", false],
    ["invalidated", false],
  ])("only one that starts takes over: %s, %s", async (type, takesOver) => {
    const tokens = open({ identity: "ada" });
    const made = performance.now();
    await get(tokens);
    await advance(10 * SECOND);
    const failure = { failures: 1, wait: 0, code: "ERR_NETWORK", draw: 0 };
    say({ ...failure, type, identity: "grace", age: performance.now() - made });
    await advance(10);
    if (takesOver) expect(await get(tokens)).toMatchObject({ code: "ERR_CLEARED" });
    else expect(await get(tokens)).toBe(world.tokens[0]);
  });
});

describe("the pause after failures", () => {
  it("of another tab does not shorten a longer one of this tab", async () => {
    world.answer = () => new Response(null, { status: 503, headers: { "retry-after": "60" } });
    const tokens = open({ autoRefresh: false });
    await get(tokens);
    expect(world.requests.length).toBe(1);
    say({ type: "failed", failures: 1, wait: 1000, code: "ERR_NETWORK" });
    await advance(10);
    outcome(tokens.getToken());
    await advance(50 * SECOND);
    outcome(tokens.getToken());
    expect(world.requests.length).toBe(1);
    await advance(10 * SECOND);
    outcome(tokens.getToken());
    await advance(SECOND);
    expect(world.requests.length).toBe(2);
  });

  describe("ends when the page is online again, for calls too", () => {
    const visibility = (state: "visible" | "hidden") =>
      Object.defineProperty(document, "visibilityState", { configurable: true, value: state });
    afterEach(() => visibility("visible"));

    /** It has failed so often that calls have to wait. */
    const paused = async () => {
      world.answer = () => new Response(null, { status: 503, headers: { "retry-after": "8" } });
      const tokens = open({ retries: 0 });
      await get(tokens);
      world.answer = () => undefined;
      return tokens;
    };

    it("for pending calls", async () => {
      const tokens = await paused();
      const call = tokens.getToken();
      await advance(SECOND);
      expect(world.requests.length).toBe(1);
      dispatchEvent(new Event("online"));
      await advance(500);
      expect(world.accepts(await call)).toBe(true);
    });

    it("and for later calls, in a page that does not refresh automatically", async () => {
      const tokens = await paused();
      visibility("hidden");
      dispatchEvent(new Event("online"));
      await advance(SECOND);
      expect(world.requests.length).toBe(1);
      const call = tokens.getToken();
      await advance(500);
      expect(world.accepts(await call)).toBe(true);
    });
  });
});

describe("a tab that has just started", () => {
  const failing = { type: "failing", failures: 6, wait: 20_000, code: "ERR_HTTP_STATUS", status: 503 };
  /** What it gets within half a second after that message from another tab. */
  const told = async (news: object, events: string[] = []) => {
    const tokens = open();
    tokens.subscribe(({ type }) => events.push(type));
    const call = outcome(tokens.getToken());
    say(news);
    await advance(500);
    return Promise.race([call, "waits"]);
  };

  it("shares the pause and the error of the others", async () => {
    const events: string[] = [];
    expect(await told(failing, events)).toMatchObject({ code: "ERR_HTTP_STATUS", status: 503 });
    expect(events).toEqual(["refreshing", "refreshfailed"]);
    expect(world.requests.length).toBe(0);
  });

  it.each<[string, object]>([
    ["if a caller does not have to wait for it", { failures: 1 }],
    ["if they have no error: Cube refused their tokens", { code: undefined, status: undefined }],
  ])("asks anyway %s", async (_, more) => {
    expect(await told({ ...failing, ...more })).toBe(world.tokens[0]);
    expect(world.requests.length).toBe(1);
  });

  it.each([
    ["as often", 3, 4],
    ["more often", 4, 3],
  ])("and has failed shares it only if the others have failed %s", async (_, failures, requests) => {
    world.answer = () => new Response(null, { status: 503, headers: { "retry-after": "15" } });
    const tokens = open({ autoRefresh: false });
    for (let n = 0; n < 3; n++) {
      await advance(15 * SECOND);
      await get(tokens);
    }
    say({ ...failing, failures, wait: 60_000 });
    await advance(31 * SECOND);
    await get(tokens);
    expect(world.requests.length).toBe(requests);
  });

  it.each([
    [10, 50],
    [70, 0],
    [119, 0],
  ])("learns the pause of a tab that failed %i s ago: %i s are left", async (ago, left) => {
    world.answer = () => new Response(null, { status: 503, headers: { "retry-after": "60" } });
    await get(open({ autoRefresh: false }));
    await advance(ago * SECOND - 500);
    say({ type: "started" });
    await advance(10);
    const news = SimulatedChannel.sent.at(-1) as { wait: number };
    expect(news).toMatchObject({ type: "failing", failures: 1, code: "ERR_HTTP_STATUS", status: 503 });
    expect(Math.round(news.wait / SECOND)).toBe(left);
  });

  it.each<[string, boolean, number]>([
    ["if no tab has failed", false, 1],
    ["of failures long ago", true, 122],
  ])("learns nothing %s", async (_, fails, seconds) => {
    if (fails) world.answer = () => new Response(null, { status: 503, headers: { "retry-after": "60" } });
    await get(open({ autoRefresh: false }));
    await advance(seconds * SECOND);
    say({ type: "started" });
    await advance(10);
    expect(SimulatedChannel.sent.at(-1)).toMatchObject({ type: "started" });
  });
});

describe("messages of other tabs", () => {
  /** The first token's place in the jitter. */
  const draw = 1;
  beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(draw / 2));

  it.each<[string, number, number]>([
    ["one's own is not refreshed for half of the time left", draw, 1],
    ["another token is ignored", 0.25, 2],
  ])("about a source that repeats a token: %s", async (_, place, requests) => {
    const tokens = open({ autoRefresh: false, refreshJitter: 0 });
    await get(tokens);
    await advance(250 * SECOND);
    say({ type: "unchanged", draw: place });
    await advance(10);
    await get(tokens);
    await advance(SECOND);
    expect(world.requests.length).toBe(requests);
  });

  it("about a token are ignored without a token", async () => {
    world.answer = () => new Response(null, { status: 401 });
    const tokens = open();
    await get(tokens);
    say({ type: "unchanged", draw });
    await advance(10);
    expect(tokens.getSnapshot()).toMatchObject({ status: "empty", error: { code: "ERR_UNAUTHENTICATED" } });
  });

  it("about a refused token count as one refusal, however many come", async () => {
    const tokens = open({ autoRefresh: false });
    await get(tokens);
    for (let n = 0; n < 3; n++) say({ type: "invalidated", draw, failures: 1, wait: 0 });
    await advance(10);
    expect(tokens.getSnapshot().status).toBe("expired");
    expect(tokens.getSnapshot().error).toBeUndefined();
  });

  it("about a new token end the error of the last failure", async () => {
    world.answer = () => new Response(null, { status: 401 });
    const tokens = open();
    await get(tokens);
    const now = Date.now();
    const record = { v: 1, token: world.issue(), at: now, ahead: 0, draw, madeAt: now, since: now };
    values.set(KEY, JSON.stringify(record));
    say({ type: "refreshed" });
    await advance(10);
    expect(tokens.getSnapshot()).toMatchObject({ status: "fresh" });
    expect(tokens.getSnapshot().error).toBeUndefined();
  });

  it("include one that says that the source repeats its token, and no other", async () => {
    world.cache();
    const tokens = open({ autoRefresh: false, refreshJitter: 0 });
    await get(tokens);
    await advance(250 * SECOND);
    SimulatedChannel.sent.length = 0;
    await get(tokens);
    await advance(SECOND);
    expect(SimulatedChannel.sent).toEqual([expect.objectContaining({ type: "unchanged", draw })]);
  });
});

describe("the stored record", () => {
  it.each<[string, object, object]>([
    ["for a JWT, which has its own exp", {}, {}],
    [
      "for an opaque token with expires_in",
      { token: "opaque", expires_in: 60 },
      { expiresAt: expect.any(Number) },
    ],
    ["for an opaque token without a lifetime", { token: "opaque" }, {}],
  ])("has what another tab needs, and nothing else: %s", async (_, answer, more) => {
    if ("token" in answer) world.answer = () => world.respond(answer);
    const token = await get(open());
    expect(JSON.parse(values.get(KEY)!)).toEqual({
      v: 1,
      token,
      ...Object.fromEntries(
        ["at", "ahead", "draw", "madeAt", "since"].map((name) => [name, expect.any(Number)]),
      ),
      ...more,
    });
    expect(await get(open())).toBe(token);
    expect(world.requests.length).toBe(1);
  });
});

it("a tab that waits for two locks in turn emits waiting once", async () => {
  for (const name of ["turn", "second"]) {
    navigator.locks.request(`cube-token-manager.${name}:${KEY}`, {}, () => new Promise(() => {}));
  }
  await advance(10);
  const tokens = open();
  let waiting = 0;
  tokens.subscribe(({ type }) => void (type === "waiting" && waiting++));
  const call = tokens.getToken();
  // While it waits for the first.
  await advance(2 * SECOND);
  expect(waiting).toBe(1);
  await advance(MINUTE);
  expect(await call).toBe(world.tokens[0]);
  expect(waiting).toBe(1);
});

it("no event of a request follows a sign-out", async () => {
  world.answer = () => new Promise(() => {});
  const tokens = open();
  const events: string[] = [];
  tokens.subscribe(({ type }) => events.push(type));
  outcome(tokens.getToken());
  await advance(500);
  tokens.clear();
  await advance(MINUTE);
  expect(events).toEqual(["refreshing", "cleared"]);
});

it("other tabs learn of each failed request, even if an attempt took two", async () => {
  // A visible redirect that cannot be followed: signed out.
  const redirect = { type: "opaqueredirect", status: 0, headers: new Headers() };
  let requests = 0;
  const fetch = async (_: unknown, init: RequestInit) => {
    requests++;
    if (init.redirect !== "manual") throw new TypeError("Failed to fetch");
    return redirect;
  };
  const tokens = open({ fetch, autoRefresh: false });
  const call = outcome(tokens.getToken());
  await advance(10 * SECOND);
  expect(await call).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
  expect(requests).toBe(3);
  const failed = SimulatedChannel.sent.filter((news) => (news as { type: string }).type === "failed");
  expect(failed).toMatchObject([{ failures: 1 }, { failures: 3 }]);
});

it.each([
  ["gets the token that the other tab stored", false, 0],
  ["asks the source if forced, even if the other tab stored a token", true, 1],
])("a call that waits for another tab %s", async (_, forceRefresh, requests) => {
  let end = () => {};
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  navigator.locks.request(`cube-token-manager.turn:${KEY}`, {}, () => held);
  await advance(10);
  const tokens = open();
  tokens.getToken();
  await advance(SECOND);
  const call = tokens.getToken({ forceRefresh });
  const now = Date.now();
  const token = world.issue({ jti: "other" });
  values.set(KEY, JSON.stringify({ v: 1, token, at: now, ahead: 0, draw: 0, madeAt: now, since: now }));
  say({ type: "refreshed" });
  await advance(SECOND);
  end();
  await advance(SECOND);
  expect(world.requests.length).toBe(requests);
  expect(await call).toBe(forceRefresh ? world.tokens[0] : token);
});

describe("a sign-out", () => {
  it("from before the clock was set back does not make another tab's new token look old", async () => {
    const tokens = open();
    await get(tokens);
    tokens.clear();
    await advance(SECOND);
    world.setClock(-HOUR);
    const other = open();
    const token = await get(other);
    expect(world.requests.length).toBe(2);
    expect(await get(tokens)).toBe(token);
    expect(world.requests.length).toBe(2);
  });

  it("in another tab counts even after the clock was set back", async () => {
    const tokens = open();
    await get(tokens);
    tokens.clear();
    await advance(SECOND);
    world.setClock(-HOUR);
    await get(tokens);
    say({ type: "cleared", at: Date.now() });
    await advance(10);
    expect(tokens.getSnapshot().status).toBe("empty");
  });

  it("in another tab is ignored if it is repeated after a newer one", async () => {
    const tokens = open();
    await get(tokens);
    const at = Date.now();
    await advance(10);
    say({ type: "cleared", at });
    await advance(10);
    tokens.clear();
    const token = await get(tokens);
    say({ type: "cleared", at });
    await advance(500);
    expect(await get(tokens)).toBe(token);
  });

  it.each([
    ["the storage looks empty, as its view may be stale", null, true],
    ["one's own is", "own", true],
    ["another's is", "other", false],
  ])("in another tab is followed by an erase if %s", async (_title, seen, erases) => {
    const tokens = open();
    await get(tokens);
    const own = values.get(KEY)!;
    const other = JSON.stringify({ ...JSON.parse(own), token: world.issue({ jti: "other" }) });
    storage.getItem = () => seen && (seen === "own" ? own : other);
    const removeItem = vi.spyOn(storage, "removeItem");
    say({ type: "cleared", at: Date.now() });
    await advance(500);
    expect(removeItem.mock.calls.length).toBe(erases ? 1 : 0);
  });

  it("in another tab never erases a newer token, however slow the storage", async () => {
    const { getItem } = storage;
    const tokens = open();
    await get(tokens);
    storage.getItem = (key) => {
      const value = getItem(key);
      return new Promise((resolve) => setTimeout(() => resolve(value as string | null), 900));
    };
    await advance(10);
    say({ type: "cleared", at: Date.now() });
    await advance(10);
    values.clear();
    const call = tokens.getToken();
    await advance(3 * SECOND);
    expect(await call).toBe(world.tokens[1]);
    expect(JSON.parse(values.get(KEY)!).token).toBe(world.tokens[1]);
  });
});

describe("a source that repeats its token", () => {
  it("is asked again within five minutes, by calls too", async () => {
    world.lifetime = 30 * 24 * 3600;
    const tokens = open({ refreshBefore: 20 * 24 * HOUR, refreshJitter: 0 });
    world.cache();
    await get(tokens);
    await advance(16 * 24 * HOUR);
    const { length } = world.requests;
    await advance(HOUR);
    // Every five minutes.
    expect(world.requests.length - length).toBe(12);
    expect(await get(tokens)).toBeTruthy();
  });
});

describe("the Date of an answer", () => {
  it("ages while its body is read", async () => {
    const date = "Sun, 01 Mar 2026 12:00:00 GMT";
    const body = new ReadableStream({
      async start(controller) {
        await new Promise((resolve) => setTimeout(resolve, 7 * SECOND));
        controller.enqueue(new TextEncoder().encode('"t0ken"'));
        controller.close();
      },
    });
    const headers = { date, "content-type": "application/json" };
    const fetch = async () => new Response(body, { headers });
    const { signal } = new AbortController();
    const answer = endpointSource("/token", {}, fetch as never).ask({
      context: { signal },
      timeout: 10 * SECOND,
      refresh: signal,
      force: false,
    });
    await advance(7 * SECOND);
    const { date: known } = await answer;
    expect(known).toMatchObject({
      earliest: Date.parse(date) + 7 * SECOND,
      latest: Date.parse(date) + 8 * SECOND,
    });
  });
});

describe("on Node", () => {
  it("no remaining timer keeps the process alive", async () => {
    const left = new Map<object, boolean>();
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    const handles = new Map<object, ReturnType<typeof setTimeout>>();
    vi.stubGlobal("setTimeout", (run: () => void, delay: number) => {
      const handle = { unref: () => left.set(handle, true) };
      left.set(handle, false);
      const timer = set(() => {
        left.delete(handle);
        run();
      }, delay);
      handles.set(handle, timer);
      return handle;
    });
    vi.stubGlobal("clearTimeout", (handle: object) => {
      left.delete(handle);
      clear(handles.get(handle));
    });
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const call = tokens.getToken();
    await settle();
    await call;
    await advance(10 * SECOND);
    expect([...left.values()]).toEqual([true]);
    // Each time that it is set.
    await advance(10 * MINUTE);
    expect([...left.values()]).toEqual([true]);
  });
});
