import { describe, expect, it, vi } from "vitest";
import { CubeTokenError, type CubeTokenManager, customStorage, type TokenEvent } from "../../src/index.js";
import { create } from "../support/setup.js";
import { simulateTabs } from "../support/tabs.js";
import { advance, HOUR, MINUTE, SECOND, settle, World, type WorldOptions } from "../support/world.js";

const options = (world: World, more: object = {}) => ({ endpoint: "/token", fetch: world.fetch, ...more });
const down = () => new Response(null, { status: 503 });
const caught = (promise: Promise<unknown>) => promise.then(String, (error: unknown) => error);
const force = (tokens: CubeTokenManager) => tokens.getToken({ forceRefresh: true });

describe("forceRefresh", () => {
  it("waits for a request of an earlier task, then sends one for all calls", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world));
    const first = tokens.getToken();
    await advance(500);
    const forced = [force(tokens)];
    await advance(100);
    forced.push(force(tokens), force(tokens));
    await advance(2 * SECOND);
    expect(await first).toBe(world.tokens[0]);
    expect(await Promise.all(forced)).toEqual([world.tokens[1], world.tokens[1], world.tokens[1]]);
    expect(world.requests.length).toBe(2);
  });

  it("asks again even while a new token is being stored: that was requested earlier", async () => {
    simulateTabs();
    const world = new World();
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 500));
    const storage = customStorage({ getItem: () => null, setItem: slow, removeItem: slow }, { shared: true });
    const tokens = create(options(world, { storage }));
    const first = tokens.getToken();
    await advance(200);
    expect(world.requests.length).toBe(1);
    const forced = force(tokens);
    await advance(2 * SECOND);
    expect(await first).toBe(world.tokens[0]);
    expect(await forced).toBe(world.tokens[1]);
  });

  it("ends the pause that a call waits for, and leaves no timer behind", async () => {
    const world = new World();
    world.answer = () => new Response(null, { status: 503, headers: { "retry-after": "8" } });
    const tokens = create(options(world, { autoRefresh: false }));
    const call = tokens.getToken();
    await advance(SECOND);
    world.answer = () => undefined;
    const forced = force(tokens);
    await settle();
    expect(await Promise.all([call, forced])).toEqual([world.tokens[0], world.tokens[0]]);
    await settle();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("shares one request with the calls of the same task", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world));
    const calls = [force(tokens), tokens.getToken(), force(tokens)];
    await advance(SECOND);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([world.tokens[0]]));
    expect(world.requests.length).toBe(1);
  });

  it("does not settle with the failure of an earlier request", async () => {
    const world = new World({ latency: SECOND });
    world.answer = () => new Response(null, { status: 401 });
    const tokens = create(options(world));
    const before = caught(tokens.getToken());
    await advance(500);
    // The user signs in again.
    const forced = force(tokens);
    world.answer = (request) => (request === 1 ? new Response(null, { status: 401 }) : undefined);
    await advance(2 * SECOND);
    expect(await before).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    expect(await forced).toBe(world.tokens[0]);
  });

  it("is rejected by a sign-out while it waits, and sends no request", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world));
    const before = caught(tokens.getToken());
    await advance(500);
    const forced = caught(force(tokens));
    tokens.clear();
    await advance(MINUTE);
    for (const outcome of await Promise.all([before, forced])) {
      expect(outcome).toMatchObject({ code: "ERR_CLEARED" });
    }
    expect(world.requests.length).toBe(1);
  });

  it.each<["clear" | "dispose", string, "refreshed" | "refreshfailed" | undefined]>([
    ["clear", "ERR_CLEARED", "refreshed"],
    ["clear", "ERR_CLEARED", "refreshfailed"],
    ["clear", "ERR_CLEARED", undefined],
    ["dispose", "ERR_DISPOSED", "refreshed"],
    ["dispose", "ERR_DISPOSED", "refreshfailed"],
    ["dispose", "ERR_DISPOSED", undefined],
  ])(
    "while it waits, is ended by %s() with %s, called as the first call ends: %s",
    async (end, code, type) => {
      const world = new World({ latency: SECOND });
      if (type === "refreshfailed") world.answer = () => new Response(null, { status: 401 });
      const values = new Map<string, string>();
      const storage = customStorage({
        getItem: (key) => values.get(key) ?? null,
        setItem: (key, value) => void values.set(key, value),
        removeItem: (key) => void values.delete(key),
      });
      const tokens = create(options(world, { storage }));
      const stop = tokens.subscribe((event) => void (event.type === type && tokens[end]()));
      const first = tokens.getToken().then(
        () => void (type ?? tokens[end]()),
        () => {},
      );
      await advance(500);
      const forced = caught(force(tokens));
      await advance(5 * SECOND);
      await first;
      expect(await forced).toMatchObject({ code });
      expect(tokens.getSnapshot().status).toBe("empty");
      if (end === "clear") expect(values.size).toBe(0);
      if (type) expect(world.requests.length).toBe(1);
      // The next user's call does not wait for it either.
      stop();
      world.answer = () => undefined;
      if (end === "clear") {
        const next = force(tokens);
        await advance(SECOND);
        expect(await next).toBe(world.tokens.at(-1));
      }
    },
  );

  it("skips at most six pauses a minute, including those that online skips", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    world.answer = () => world.respond({}, { status: 503, headers: { "retry-after": "3000" } });
    const tokens = create(options(world, { autoRefresh: true }));
    await caught(tokens.getToken());
    for (let n = 0; n < 20; n++) {
      if (n % 2) window.dispatchEvent(new Event("online"));
      await caught(n % 2 ? tokens.getToken() : force(tokens));
      await advance(SECOND);
    }
    expect(world.requests.length).toBe(1 + 6);
    await advance(MINUTE);
    await caught(force(tokens));
    expect(world.requests.length).toBe(1 + 6 + 1);
  });
});

describe("a hung endpoint", () => {
  it.each([0, 0.5, 0.999])("rejects within 25 s, Math.random() is %s", async (random) => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(random);
    world.answer = () => new Promise(() => {});
    const tokens = create(options(world));
    const start = Date.now();
    let took = Infinity;
    const error = caught(tokens.getToken()).finally(() => {
      took = Date.now() - start;
    });
    await advance(26 * SECOND);
    expect(await error).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(took).toBeLessThanOrEqual(25 * SECOND);
    expect(world.requests.length).toBeGreaterThan(1);
  });

  it.each([1, 2, 3, 4, 5, 6])("delays no later call for longer, seed %s", async (seed) => {
    const world = new World();
    let random = seed;
    vi.spyOn(Math, "random").mockImplementation(() => {
      random = (random * 16_807) % 2_147_483_647;
      return random / 2_147_483_647;
    });
    world.answer = () => new Promise(() => {});
    // Its own timer would end the pauses.
    const tokens = create(options(world, { autoRefresh: false }));
    let longest = 0;
    for (let call = 0; call < 600; call++) {
      const start = Date.now();
      caught(tokens.getToken()).finally(() => {
        longest = Math.max(longest, Date.now() - start);
      });
      await advance(500);
    }
    expect(longest).toBeLessThanOrEqual(25 * SECOND);
  });

  it("gets no further attempt later than 15 s after the first", async () => {
    const world = new World();
    world.answer = () => new Promise(() => {});
    const tokens = create(options(world, { requestTimeout: 4 * SECOND, retries: 50, autoRefresh: false }));
    const start = world.now();
    caught(tokens.getToken());
    await advance(MINUTE);
    expect(Math.max(...world.requests) - start).toBeLessThanOrEqual(15 * SECOND);
  });
});

it("getToken() rejects rather than throws if its options throw", async () => {
  const tokens = create(options(new World()));
  const hostile = {
    get signal(): AbortSignal {
      throw new Error("x");
    },
  };
  await expect(tokens.getToken(hostile)).rejects.toThrow("x");
  await tokens.getToken();
  await expect(tokens.getToken(hostile)).rejects.toThrow("x");
});

describe("getToken() inside the source", () => {
  it("rejects at once with the reason if there is no token", async () => {
    vi.useFakeTimers();
    const outcomes: Promise<unknown>[] = [];
    let tokens: CubeTokenManager;
    const fetchToken = () => {
      const inner = tokens.getToken();
      outcomes.push(caught(inner));
      return inner;
    };
    tokens = create({ fetchToken, retries: 0 });
    const outer = caught(tokens.getToken());
    await settle();
    expect(await outcomes[0]).toMatchObject({
      code: "ERR_SOURCE",
      message: expect.stringContaining("getToken()"),
    });
    expect(await outer).toMatchObject({ code: "ERR_SOURCE" });
  });

  it("gets the token that is still valid", async () => {
    const world = new World();
    const seen: unknown[] = [];
    let tokens: CubeTokenManager;
    const fetchToken = async () => {
      if (seen.length) seen.push(await tokens.getToken());
      else seen.push("first");
      return world.issue({ n: seen.length });
    };
    tokens = create({ fetchToken });
    const first = await tokens.getToken();
    const second = await force(tokens);
    expect(seen[1]).toBe(first);
    expect(second).not.toBe(first);
  });

  it("settles with its own refresh if it comes too late to be detected", async () => {
    vi.useFakeTimers();
    let tokens: CubeTokenManager;
    let inner: Promise<unknown> | undefined;
    const fetchToken = async () => {
      await Promise.resolve();
      inner ??= caught(tokens.getToken());
      await inner;
      return "opaque";
    };
    tokens = create({ fetchToken, retries: 0, autoRefresh: false });
    const outer = caught(tokens.getToken());
    await advance(30 * SECOND);
    expect(await inner).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(await outer).toMatchObject({ code: "ERR_TIMEOUT" });
  });

  it.each([null, 1, "x", { signal: 1 }, { signal: {} }, { forceRefresh: "x" }])(
    "always returns a promise, as everywhere: getToken(%j)",
    async (argument) => {
      const world = new World();
      const tokens = create(options(world));
      const call = tokens.getToken(argument as never);
      expect(call).toBeInstanceOf(Promise);
      await caught(call);
    },
  );
});

describe("consecutive calls", () => {
  it("read only the wall clock for 50 ms after a full check of a fresh token", async () => {
    new World();
    const tokens = create({ fetchToken: async () => "t", autoRefresh: false });
    await tokens.getToken();
    tokens.getToken();
    const now = vi.spyOn(performance, "now");
    tokens.getToken();
    vi.setSystemTime(Date.now() + 49);
    for (const options of [undefined, {}, { forceRefresh: false }]) tokens.getToken(options);
    expect(now).not.toHaveBeenCalled();
    vi.setSystemTime(Date.now() + 1);
    tokens.getToken();
    expect(now).toHaveBeenCalled();
  });

  it("do not return an expired token while the next one is in flight", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world, { autoRefresh: false }));
    const first = tokens.getToken();
    await advance(SECOND);
    await first;
    await advance(301 * SECOND);
    const calls = [tokens.getToken(), tokens.getToken(), tokens.getToken({})];
    await advance(SECOND);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([world.tokens[1]]));
  });

  it.each([
    ["before the first call", 400, HOUR],
    ["when the token was fresh", 320, 2 * MINUTE],
  ])("do not return an expired token after the clock was set back to %s", async (_, seconds, back) => {
    const world = new World();
    const tokens = create(options(world, { autoRefresh: false, refreshJitter: 0 }));
    await tokens.getToken();
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    await advance((seconds * SECOND) / 2);
    world.setClock(-back);
    await advance((seconds * SECOND) / 2);
    expect(await tokens.getToken()).toBe(world.tokens[1]);
  });
});

describe("a refresh whose timers ended with their request", () => {
  /** Cloudflare Workers: everything that a request has started ends with it. */
  const orphan = (world: World) => {
    const dead: (() => Promise<Response>)[] = [() => new Promise<Response>(() => {})];
    return async (url: unknown, init?: RequestInit) => (dead.shift() ?? (() => world.fetch(url, init)))();
  };
  /** Not `vi.clearAllTimers()`, which also resets the clocks. */
  const killTimers = () => {
    for (const { value } of vi.mocked(setTimeout).mock.results) clearTimeout(value);
  };
  const start = (options: WorldOptions = {}) => {
    const world = new World(options);
    vi.spyOn(globalThis, "setTimeout");
    return world;
  };

  it("is replaced by the next caller", async () => {
    const world = start();
    const tokens = create(options(world, { fetch: orphan(world), autoRefresh: false }));
    const lost = caught(tokens.getToken());
    await settle();
    killTimers();
    vi.setSystemTime(Date.now() + 20 * SECOND);
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    // Its own callers are served as well.
    expect(await lost).toBe(world.tokens[0]);
  });

  it.each([
    ["a new page", 0],
    ["a page that is an hour old", HOUR],
  ])("does not leave a call hanging that joined it before its timeout: %s", async (_, old) => {
    const world = start();
    const tokens = create(options(world, { fetch: orphan(world), autoRefresh: false }));
    tokens.getSnapshot();
    await advance(old);
    caught(tokens.getToken());
    await settle();
    killTimers();
    vi.setSystemTime(Date.now() + 2 * SECOND);
    const call = tokens.getToken();
    await advance(20 * SECOND);
    expect(await call).toBe(world.tokens[0]);
  });

  it("does not keep a stale token from being replaced", async () => {
    const world = start();
    const tokens = create(options(world, { autoRefresh: false }));
    await tokens.getToken();
    await advance(280 * SECOND);
    world.answer = () => new Promise(() => {});
    await tokens.getToken();
    await settle();
    killTimers();
    world.answer = () => undefined;
    vi.setSystemTime(Date.now() + MINUTE);
    expect(await tokens.getToken()).toBe(world.tokens[1]);
  });

  it("returns the token it was storing, without another request", async () => {
    simulateTabs();
    const world = start();
    const never = () => new Promise<never>(() => {});
    const storage = customStorage(
      { getItem: () => null, setItem: never, removeItem: () => {} },
      { shared: true },
    );
    const tokens = create(options(world, { storage, autoRefresh: false }));
    const served = vi.fn();
    const events: TokenEvent[] = [];
    tokens.subscribe((event) => events.push(event));
    tokens.getToken().then(served);
    await advance(SECOND / 2);
    expect(world.requests.length).toBe(1);
    killTimers();
    await advance(6 * SECOND);
    expect(served).not.toHaveBeenCalled();
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    await settle();
    expect(served).toHaveBeenCalledWith(world.tokens[0]);
    expect(events.at(-1)).toEqual({ type: "refreshed", from: "source" });
    expect(world.requests.length).toBe(1);
  });

  it("is not reported as a success because a stale token is still valid", async () => {
    const world = start();
    const tokens = create(options(world, { autoRefresh: false }));
    await tokens.getToken();
    await advance(250 * SECOND);
    world.answer = () => new Promise(() => {});
    await tokens.getToken();
    await settle();
    killTimers();
    world.answer = () => undefined;
    const seen: string[] = [];
    tokens.subscribe(({ type }) => seen.push(type));
    await advance(20 * SECOND);
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    await settle();
    expect(seen).toEqual(["stale", "refreshing", "requested", "refreshed"]);
    expect(await tokens.getToken()).toBe(world.tokens[1]);
  });

  it.each<[string, boolean, number]>([
    ["takes the token that another tab stored in the meantime", false, 1],
    ["asks the source again if forced, even if another tab stored a token", true, 2],
  ])("is replaced by a refresh that %s", async (_, forceRefresh, requests) => {
    const world = start();
    const stored = new Map<string, string>();
    const storage = () =>
      customStorage(
        {
          getItem: (key) => stored.get(key) ?? null,
          setItem: (key, value) => void stored.set(key, value),
          removeItem: (key) => void stored.delete(key),
        },
        { shared: true },
      );
    const tokens = create(options(world, { fetch: orphan(world), storage: storage(), autoRefresh: false }));
    const lost = tokens.getToken({ forceRefresh });
    await settle();
    killTimers();
    await advance(SECOND);
    const other = await create(options(world, { storage: storage(), autoRefresh: false })).getToken();
    killTimers();
    await advance(20 * SECOND);
    const token = await tokens.getToken();
    expect(world.requests.length).toBe(requests);
    expect(token).toBe(world.tokens.at(-1));
    expect(token === other).toBe(!forceRefresh);
    expect(await lost).toBe(token);
  });

  describe("in a runtime that cannot clear the timers of another request", () => {
    it("is not replaced after a sign-out", async () => {
      const world = start();
      const tokens = create(options(world, { fetch: orphan(world), autoRefresh: false }));
      caught(tokens.getToken());
      await settle();
      killTimers();
      await advance(2 * SECOND);
      const call = caught(tokens.getToken());
      vi.stubGlobal("clearTimeout", () => {});
      tokens.clear();
      await advance(MINUTE);
      expect(await call).toMatchObject({ code: "ERR_CLEARED" });
      expect(world.requests.length).toBe(0);
    });

    it("is not waited for after it was replaced, even if the next one is slow", async () => {
      const world = start({ latency: 9 * SECOND });
      const tokens = create(options(world, { fetch: orphan(world), autoRefresh: false }));
      caught(tokens.getToken());
      await settle();
      killTimers();
      await advance(14 * SECOND);
      const before = caught(tokens.getToken());
      vi.stubGlobal("clearTimeout", () => {});
      vi.setSystemTime(Date.now() + 2 * SECOND);
      const after = caught(tokens.getToken());
      await advance(10 * SECOND);
      expect(await Promise.all([before, after])).toEqual([world.tokens[0], world.tokens[0]]);
      expect(world.requests.length).toBe(1);
    });
  });
});

describe("a subscriber", () => {
  const log = (tokens: CubeTokenManager) => {
    const seen: string[] = [];
    tokens.subscribe(({ type }) => {
      const { status, refreshing } = tokens.getSnapshot();
      seen.push(`${type}: ${status}${refreshing ? ", refreshing" : ""}`);
    });
    return seen;
  };

  it("is called whenever the state changes, even by time alone", async () => {
    const world = new World();
    const tokens = create(options(world, { autoRefresh: false }));
    const seen = log(tokens);
    await tokens.getToken();
    await advance(301 * SECOND);
    expect(seen).toEqual([
      "refreshing: empty, refreshing",
      "requested: empty, refreshing",
      "refreshed: fresh",
      "stale: stale",
      "expired: expired",
    ]);
  });

  it("never sees a state that it was not notified of", async () => {
    const world = new World({ lifetime: 20 });
    const tokens = create(options(world));
    let told = tokens.getSnapshot();
    tokens.subscribe(() => {
      told = tokens.getSnapshot();
    });
    tokens.getToken();
    world.answer = (request) => (request % 3 ? undefined : down());
    for (let time = 0; time < 3 * MINUTE; time += 100) {
      await advance(100);
      expect(tokens.getSnapshot()).toBe(told);
    }
  });

  it("is notified as soon as a new token is visible, even while a slow storage writes it and other tabs wait", async () => {
    simulateTabs();
    const world = new World({ lifetime: 20 });
    const slow = <T>(value?: T) => new Promise<T>((resolve) => setTimeout(resolve, 300, value));
    const storage = customStorage(
      { getItem: () => slow(null), setItem: slow, removeItem: slow },
      { shared: true },
    );
    const tokens = create(options(world, { storage }));
    let told = tokens.getSnapshot();
    tokens.subscribe(() => {
      told = tokens.getSnapshot();
    });
    tokens.getToken();
    for (let time = 0; time < MINUTE; time += 100) {
      await advance(100);
      expect(tokens.getSnapshot()).toBe(told);
    }
    expect(world.requests.length).toBeGreaterThan(3);
  });

  it("needs no timer once it has unsubscribed", async () => {
    const world = new World();
    const tokens = create(options(world, { autoRefresh: false }));
    const stop = tokens.subscribe(() => {});
    await tokens.getToken();
    await settle();
    expect(vi.getTimerCount()).toBe(1);
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gets errors without their cause, which may quote headers; the rejection keeps it", async () => {
    const world = new World();
    const cause = new TypeError("axios: { authorization: 'Bearer SECRET' }");
    world.answer = () => Promise.reject(cause);
    const tokens = create(options(world, { retries: 0, autoRefresh: false }));
    const events: TokenEvent[] = [];
    tokens.subscribe((event) => events.push(event));
    const error = await caught(tokens.getToken());
    expect(error).toMatchObject({ cause });
    const shown = [
      ...events.flatMap((event) => ("error" in event ? [event.error] : [])),
      tokens.getSnapshot().error,
    ];
    expect(shown.length).toBe(3);
    for (const told of shown) expect(told).not.toHaveProperty("cause");
  });

  it("gets no cause either that was assigned to an application's own error", async () => {
    const error = Object.assign(new CubeTokenError("ERR_FORBIDDEN", "x"), { cause: "SECRET" });
    const tokens = create({ fetchToken: () => Promise.reject(error) });
    const listener = vi.fn();
    tokens.subscribe(listener);
    expect(await caught(tokens.getToken())).toBe(error);
    expect(listener).toHaveBeenLastCalledWith({ type: "refreshfailed", error: tokens.getSnapshot().error });
    expect(tokens.getSnapshot().error).not.toHaveProperty("cause");
  });

  it("gets no other property of an application's own error either", async () => {
    class AppError extends CubeTokenError {
      config = { headers: { authorization: "Bearer SECRET" } };
    }
    const error = new AppError("ERR_FORBIDDEN", "x", { status: 403 });
    const tokens = create({ fetchToken: () => Promise.reject(error) });
    const listener = vi.fn();
    tokens.subscribe(listener);
    expect(await caught(tokens.getToken())).toBe(error);
    const shown = [listener.mock.calls, tokens.getSnapshot()];
    expect(JSON.stringify(shown)).not.toContain("SECRET");
    expect(tokens.getSnapshot().error).toMatchObject({ code: "ERR_FORBIDDEN", message: "x", status: 403 });
  });

  it("learns that Cube refused two fresh tokens in a row, until a token goes unrefused", async () => {
    const world = new World();
    const tokens = create(options(world));
    tokens.invalidate(await tokens.getToken());
    expect(tokens.getSnapshot().error).toBeUndefined();
    tokens.invalidate(await tokens.getToken());
    expect(tokens.getSnapshot().error).toMatchObject({
      code: "ERR_INVALID_TOKEN",
      message: expect.stringContaining("secret"),
    });
    await advance(MINUTE);
    await caught(tokens.getToken());
    expect(tokens.getSnapshot().error).toMatchObject({ code: "ERR_INVALID_TOKEN" });
    await advance(5 * MINUTE);
    expect(tokens.getSnapshot().error).toBeUndefined();
    tokens.invalidate(await tokens.getToken());
    expect(tokens.getSnapshot().error).toBeUndefined();
  });

  it("that disposes the manager is the last to be called", async () => {
    const tokens = create(options(new World()));
    const after = vi.fn();
    tokens.subscribe(tokens.dispose);
    tokens.subscribe(after);
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_DISPOSED" });
    expect(after).not.toHaveBeenCalled();
  });

  it("gets no retryIn if there is no next attempt", async () => {
    const world = new World();
    world.answer = () => new Response(null, { status: 401 });
    const tokens = create(options(world));
    const events: TokenEvent[] = [];
    tokens.subscribe((event) => events.push(event));
    await caught(tokens.getToken());
    expect(events.find(({ type }) => type === "attemptfailed")).not.toHaveProperty("retryIn");
  });

  it("gets stale once and expired once", async () => {
    const world = new World();
    const tokens = create(options(world));
    const seen: string[] = [];
    tokens.subscribe(({ type }) => seen.push(type));
    await tokens.getToken();
    world.answer = down;
    await advance(10 * MINUTE);
    expect(seen.filter((type) => type === "stale" || type === "expired")).toEqual(["stale", "expired"]);
  });

  it("learns where the sign-out happened", async () => {
    const world = new World();
    const tokens = create(options(world));
    const events: TokenEvent[] = [];
    await tokens.getToken();
    tokens.subscribe((event) => events.push(event));
    await tokens.clear();
    expect(events).toEqual([{ type: "cleared", from: "here" }]);
  });
});
