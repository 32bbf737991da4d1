import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { create } from "../support/setup.js";
import { advance, HOUR, MINUTE, SECOND, settle, World } from "../support/world.js";

const down = () => new Response(null, { status: 503 });
const options = (world: World, more: object = {}) => ({
  endpoint: "/token",
  fetch: world.fetch,
  refreshJitter: 0,
  ...more,
});

const visibility = (state: "visible" | "hidden") =>
  Object.defineProperty(document, "visibilityState", { configurable: true, value: state });

/** Counts the page's listeners. */
function countListeners() {
  let count = 0;
  for (const target of new Set<EventTarget>([globalThis as never, document])) {
    const { addEventListener, removeEventListener } = target;
    vi.spyOn(target, "addEventListener").mockImplementation(function (this: EventTarget, ...args: never[]) {
      count++;
      return (addEventListener as (...args: never[]) => void).apply(target, args);
    } as never);
    vi.spyOn(target, "removeEventListener").mockImplementation(function (
      this: EventTarget,
      ...args: never[]
    ) {
      count--;
      return (removeEventListener as (...args: never[]) => void).apply(target, args);
    } as never);
  }
  return () => count;
}

beforeEach(() => void visibility("visible"));
afterEach(() => {
  vi.unstubAllGlobals();
  visibility("visible");
});

describe("the timer", () => {
  it("refreshes in the background, so that no call has to wait", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    await advance(20 * MINUTE);
    expect(world.requests.length).toBe(6);
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it("does not exist with autoRefresh: false", async () => {
    const count = countListeners();
    const world = new World();
    const tokens = create(options(world, { autoRefresh: false }));
    await tokens.getToken();
    expect(vi.getTimerCount()).toBe(0);
    expect(count()).toBe(0);
    await advance(20 * MINUTE);
    expect(world.requests.length).toBe(1);
  });

  it("does nothing in a hidden page, which checks at once when it is shown", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    visibility("hidden");
    await advance(HOUR);
    expect(world.requests.length).toBe(1);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(world.requests.length).toBe(1);
    visibility("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    expect(world.requests.length).toBe(2);
    await advance(4 * MINUTE);
    expect(world.requests.length).toBe(3);
  });

  it("still serves callers in a hidden page", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    visibility("hidden");
    await advance(HOUR);
    expect(world.accepts(await tokens.getToken())).toBe(true);
  });

  it("retries in the background, and continues after the token's expiry, 40 to 60 s apart", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    world.answer = down;
    await advance(5 * MINUTE);
    const { length } = world.requests;
    // The first, the one that was due, and at least one more while the token is valid.
    expect(length).toBeGreaterThanOrEqual(3);
    expect(length).toBeLessThanOrEqual(6);
    await advance(HOUR);
    expect(world.requests.length - length).toBeGreaterThanOrEqual(59);
    expect(world.requests.length - length).toBeLessThanOrEqual(91);
    world.answer = () => undefined;
    await advance(MINUTE);
    expect(tokens.getSnapshot()).toMatchObject({ status: "fresh" });
  });

  it("recovers without a call if there never was a token", async () => {
    const world = new World();
    world.answer = down;
    const tokens = create(options(world));
    tokens.getToken().catch(() => {});
    await advance(3 * MINUTE);
    world.answer = () => undefined;
    const types: string[] = [];
    tokens.subscribe(({ type }) => types.push(type));
    await advance(MINUTE);
    expect(types).toContain("refreshed");
  });

  it("recovers without a call if Cube refused the token before the endpoint failed", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    tokens.invalidate();
    world.answer = down;
    tokens.getToken().catch(() => {});
    await advance(3 * MINUTE);
    world.answer = () => undefined;
    await advance(MINUTE);
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it.each([
    ["at once", () => down()],
    ["by a timeout", () => new Promise<Response>(() => {})],
  ])("asks 40 to 60 s apart if a request fails %s", async (_, answer) => {
    const world = new World();
    world.answer = answer;
    const start = world.now();
    const tokens = create(options(world));
    tokens.getToken().catch(() => {});
    await advance(HOUR);
    const later = world.requests.filter((at) => at - start > 2 * MINUTE);
    const gaps = later.slice(1).map((at, index) => at - later[index]!);
    expect(gaps.length).toBeGreaterThan(50);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(40 * SECOND);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(60 * SECOND + 2);
  });

  it("does not retry if the user has to sign in, or the page is hidden", async () => {
    const world = new World();
    world.answer = () => new Response(null, { status: 401 });
    const signedOut = create(options(world));
    await signedOut.getToken().catch(() => {});
    await advance(HOUR);
    expect(world.requests.length).toBe(1);
    world.answer = down;
    const hidden = create(options(world));
    hidden.getToken().catch(() => {});
    await advance(2 * MINUTE);
    visibility("hidden");
    const { length } = world.requests;
    await advance(HOUR);
    visibility("visible");
    expect(world.requests.length).toBe(length);
  });

  it("recovers automatically while the token is valid", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    world.answer = down;
    await advance(4 * MINUTE + 5 * SECOND);
    world.answer = () => undefined;
    await advance(50 * SECOND);
    expect(tokens.getSnapshot()).toMatchObject({ status: "fresh" });
    expect(tokens.getSnapshot().error).toBeUndefined();
  });
});

describe("a wake-up", () => {
  const events: [string, () => EventTarget][] = [
    ["visibilitychange", () => document],
    ["resume", () => document],
    ["pageshow", () => window],
    ["focus", () => window],
    ["online", () => window],
  ];

  for (const [type, target] of events) {
    it(`by ${type} refreshes a token that expired during the sleep`, async () => {
      const world = new World();
      const tokens = create(options(world));
      await tokens.getToken();
      world.sleep(8 * HOUR);
      target().dispatchEvent(new Event(type));
      await settle();
      expect(world.requests.length).toBe(2);
      expect(tokens.getSnapshot().status).toBe("fresh");
    });

    it(`by ${type} leaves a fresh token alone, without an event`, async () => {
      const world = new World();
      const tokens = create(options(world));
      await tokens.getToken();
      const heard = vi.fn();
      tokens.subscribe(heard);
      for (let n = 0; n < 20; n++) target().dispatchEvent(new Event(type));
      await settle();
      expect(world.requests.length).toBe(1);
      expect(heard).not.toHaveBeenCalled();
    });
  }

  it("retries after a failure that left no token, but not in a storm", async () => {
    const world = new World();
    world.answer = down;
    const tokens = create(options(world));
    const call = tokens.getToken().catch(() => {});
    await advance(10 * SECOND);
    await call;
    const { length } = world.requests;
    for (let n = 0; n < 100; n++) window.dispatchEvent(new Event("focus"));
    await settle();
    expect(world.requests.length).toBeLessThanOrEqual(length + 1);
    await advance(MINUTE);
    world.answer = () => undefined;
    window.dispatchEvent(new Event("focus"));
    await advance(MINUTE);
    expect(tokens.getSnapshot()).toMatchObject({ status: "fresh" });
  });

  it("by online skips the pause, even between the attempts of a pending call", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    const world = new World();
    world.answer = () => new Response(null, { status: 429, headers: { "retry-after": "9" } });
    const tokens = create(options(world));
    const call = tokens.getToken();
    await settle();
    expect(world.requests.length).toBe(1);
    world.answer = () => undefined;
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(await call).toBe(world.tokens[0]);
    // And the pause after a failure without a pending call.
    world.answer = () => new Response(null, { status: 429, headers: { "retry-after": "900" } });
    await tokens.getToken({ forceRefresh: true }).catch(() => {});
    await advance(5 * MINUTE);
    world.answer = () => undefined;
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it("replaces a token that Cube refused", async () => {
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    await advance(MINUTE);
    tokens.invalidate();
    window.dispatchEvent(new Event("focus"));
    await settle();
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it("does nothing before the first call, nor after a sign-out", async () => {
    const world = new World();
    const tokens = create(options(world));
    window.dispatchEvent(new Event("focus"));
    await tokens.getToken();
    await tokens.clear();
    for (const [type, target] of events) target().dispatchEvent(new Event(type));
    await settle();
    expect(world.requests.length).toBe(1);
  });
});

describe("listeners and timers", () => {
  it("exist only between the first call and the end", async () => {
    const count = countListeners();
    const world = new World();
    const tokens = create(options(world));
    expect(count()).toBe(0);
    await tokens.getToken();
    const listening = count();
    expect(listening).toBeGreaterThan(0);
    await tokens.getToken({ forceRefresh: true });
    expect(count()).toBe(listening);
    await tokens.clear();
    expect([count(), vi.getTimerCount()]).toEqual([0, 0]);
    await tokens.getToken();
    expect(count()).toBe(listening);
    tokens.dispose();
    expect([count(), vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("do not add up over 1,000 managers", async () => {
    const count = countListeners();
    const world = new World();
    for (let n = 0; n < 1000; n++) {
      const tokens = create(options(world));
      await tokens.getToken();
      tokens.dispose();
    }
    expect([count(), vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("are not required in a worker, which has no document", async () => {
    vi.stubGlobal("document", undefined);
    const world = new World();
    const tokens = create(options(world));
    await tokens.getToken();
    await advance(4 * MINUTE);
    expect(world.requests.length).toBe(2);
    tokens.dispose();
  });
});

it("a hidden page has no timer that wakes it up every second", async () => {
  const world = new World();
  const tokens = create(options(world));
  await tokens.getToken();
  visibility("hidden");
  await advance(HOUR);
  expect(vi.getTimerCount()).toBe(0);
  visibility("visible");
  document.dispatchEvent(new Event("visibilitychange"));
  await settle();
  expect(tokens.getSnapshot()).toMatchObject({ status: "fresh" });
});

it("a refresh that failed permanently is not repeated when the token expires", async () => {
  const world = new World();
  const tokens = create(options(world));
  tokens.subscribe(() => {});
  await tokens.getToken();
  world.answer = () => new Response(null, { status: 401 });
  await advance(299 * SECOND);
  const { length } = world.requests;
  await advance(2 * SECOND);
  expect(tokens.getSnapshot()).toMatchObject({ status: "expired" });
  expect(world.requests.length).toBe(length);
});
