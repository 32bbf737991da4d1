import { describe, expect, it, vi } from "vitest";
import { CubeTokenManager, customStorage, type TokenEvent, webStorage } from "../../src/index.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { advance, DAY, HOUR, MINUTE, SECOND, settle, World } from "../support/world.js";

const options = (world: World, more: object = {}) => ({
  endpoint: "/token",
  fetch: world.fetch,
  refreshJitter: 0,
  ...more,
});
const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
const down = () => new Response(null, { status: 503 });

/** Answers that are sent when the test opens the gate. */
function gate(world: World) {
  const waiting: ((response: Response) => void)[] = [];
  world.answer = () => new Promise<Response>((resolve) => waiting.push(resolve));
  return { open: (response = world.respond({ token: world.issue() })) => waiting.shift()?.(response) };
}

describe("single flight", () => {
  it("shares one request between 10,000 concurrent callers", async () => {
    const world = new World({ latency: 50 });
    const tokens = create(options(world));
    const calls = Array.from({ length: 10_000 }, () => tokens.getToken());
    await advance(50);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([world.tokens[0]]));
    expect(world.requests.length).toBe(1);
  });

  it("answers a burst of calls in one millisecond from the current state", async () => {
    const world = new World();
    const tokens = create(options(world));
    const first = await tokens.getToken();
    const burst = () => Promise.all(Array.from({ length: 50 }, () => tokens.getToken()));
    expect(new Set(await burst())).toEqual(new Set([first]));
    tokens.invalidate();
    expect((await burst()).at(-1)).not.toBe(first);
    await tokens.clear();
    const next = tokens.getToken();
    expect(tokens.getSnapshot().refreshing).toBe(true);
    expect(await next).toBe(world.tokens.at(-1));
    await burst();
    tokens.dispose();
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_DISPOSED" });
  });

  it("works in the first millisecond of 1970, where fake clocks start", async () => {
    vi.useFakeTimers({ now: 0 });
    const tokens = create({ fetchToken: async () => "opaque" });
    expect(await tokens.getToken()).toBe("opaque");
    await tokens.clear();
    expect(await tokens.getToken()).toBe("opaque");
  });

  it("returns the shared promise for options that change nothing", async () => {
    const tokens = create(options(new World()));
    await tokens.getToken();
    const promise = tokens.getToken();
    expect(tokens.getToken({})).toBe(promise);
    expect(tokens.getToken({ signal: undefined, forceRefresh: false })).toBe(promise);
  });

  it("checks both clocks after a burst", async () => {
    const world = new World();
    const tokens = create(options(world));
    const first = await tokens.getToken();
    await Promise.all(Array.from({ length: 50 }, () => tokens.getToken()));
    await advance(HOUR);
    // Set back to the same time plus a millisecond.
    vi.setSystemTime(Date.now() - HOUR + 1);
    expect(await tokens.getToken()).not.toBe(first);
  });

  it("sends the request synchronously with the call", () => {
    const world = new World();
    create(options(world)).getToken();
    expect(world.requests.length).toBe(1);
  });

  it("gives 10,000 concurrent callers one error object after a bounded number of requests", async () => {
    const world = new World();
    world.answer = down;
    const tokens = create(options(world, { autoRefresh: false }));
    const calls = Array.from({ length: 10_000 }, () => caught(tokens.getToken()));
    await advance(10 * SECOND);
    const errors = new Set(await Promise.all(calls));
    expect(errors.size).toBe(1);
    expect([...errors][0]).toMatchObject({ code: "ERR_HTTP_STATUS", status: 503 });
    expect(world.requests.length).toBe(4);
  });

  it("sends no request for a fresh token", async () => {
    const world = new World();
    const tokens = create(options(world));
    const first = await tokens.getToken();
    for (let call = 0; call < 100; call++) expect(await tokens.getToken()).toBe(first);
    await advance(4 * MINUTE - SECOND);
    expect(await tokens.getToken()).toBe(first);
    expect(world.requests.length).toBe(1);
  });

  it("joins a forced refresh to the one under way", async () => {
    const world = new World({ latency: 50 });
    const tokens = create(options(world));
    const calls = [tokens.getToken(), tokens.getToken({ forceRefresh: true })];
    await advance(50);
    const [a, b] = await Promise.all(calls);
    expect(a).toBe(b);
    expect(world.requests.length).toBe(1);
  });
});

describe("near the end of a token's lifetime", () => {
  it("serves the token at once while one refresh runs", async () => {
    const world = new World({ latency: 2 * SECOND });
    const tokens = create(options(world, { autoRefresh: false }));
    const first = tokens.getToken();
    await advance(2 * SECOND);
    await advance(4 * MINUTE);
    expect(tokens.getSnapshot().status).toBe("stale");
    const calls = Array.from({ length: 20 }, () => tokens.getToken());
    expect(new Set(await Promise.all(calls))).toEqual(new Set([await first]));
    expect(tokens.getSnapshot().refreshing).toBe(true);
    await advance(2 * SECOND);
    expect(await tokens.getToken()).toBe(world.tokens[1]);
    expect(world.requests.length).toBe(2);
  });

  it("makes callers wait after expiry", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world, { autoRefresh: false }));
    tokens.getToken();
    await advance(5 * MINUTE + SECOND);
    expect(tokens.getSnapshot().status).toBe("expired");
    const token = tokens.getToken();
    let done = false;
    token.then(() => {
      done = true;
    });
    await advance(SECOND - 1);
    expect(done).toBe(false);
    await advance(1);
    expect(await token).toBe(world.tokens[1]);
  });

  it("returns no token with less than minValidity left if there is a better one", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world, { autoRefresh: false }));
    tokens.getToken();
    await advance(4 * MINUTE + 52 * SECOND);
    const token = tokens.getToken();
    await advance(SECOND);
    expect(await token).toBe(world.tokens[1]);
  });

  it("serves a valid token until its last moment when refreshes fail", async () => {
    const world = new World();
    const tokens = create(options(world));
    const token = await tokens.getToken();
    world.answer = down;
    while (world.accepts(token)) {
      expect(await tokens.getToken()).toBe(token);
      await advance(100);
    }
    const error = caught(tokens.getToken());
    await advance(10 * SECOND);
    expect(await error).toMatchObject({ code: "ERR_HTTP_STATUS" });
    // In its last minute, and for the call after it.
    expect(world.requests.length).toBeLessThanOrEqual(12);
  });

  it("returns the old token to a call in its last moments as soon as the refresh fails", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world, { autoRefresh: false }));
    const first = tokens.getToken();
    await advance(4 * MINUTE + 53 * SECOND);
    world.answer = down;
    const call = tokens.getToken();
    const forced = caught(tokens.getToken({ forceRefresh: true }));
    await advance(SECOND);
    expect(await call).toBe(await first);
    expect(await forced).toMatchObject({ code: "ERR_HTTP_STATUS" });
    expect(world.requests.length).toBe(2);
  });

  it("never delays a call while a token is valid and the endpoint never answers", async () => {
    const world = new World();
    const tokens = create(options(world));
    const token = await tokens.getToken();
    world.answer = () => new Promise(() => {});
    for (let second = 0; second < 289; second++) {
      let served: string | undefined;
      tokens.getToken().then((value) => {
        served = value;
      });
      await settle();
      expect(served).toBe(token);
      await advance(SECOND);
    }
  });
});

describe("an endpoint that never answers", () => {
  it("times out with ERR_TIMEOUT after requestTimeout × (retries + 1) plus backoff", async () => {
    const world = new World();
    world.answer = () => new Promise(() => {});
    const tokens = create(options(world, { requestTimeout: 2 * SECOND, retries: 2, autoRefresh: false }));
    const start = Date.now();
    let took = 0;
    const error = caught(tokens.getToken()).finally(() => {
      took = Date.now() - start;
    });
    await advance(MINUTE);
    expect(await error).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(took).toBeGreaterThanOrEqual(6 * SECOND);
    expect(took).toBeLessThanOrEqual(6 * SECOND + 1 * SECOND + 2 * SECOND);
    expect(world.requests.length).toBe(3);
  });

  it("has its request aborted", async () => {
    const world = new World();
    world.answer = () => new Promise(() => {});
    const tokens = create(options(world, { retries: 0 }));
    const error = caught(tokens.getToken());
    await advance(10 * SECOND);
    await error;
    expect(world.contexts[0]?.signal?.aborted).toBe(true);
  });

  it("does not run into setTimeout's limit with a requestTimeout of a year", async () => {
    const world = new World();
    const { open } = gate(world);
    const tokens = create(options(world, { requestTimeout: 365 * 24 * 60 * MINUTE }));
    const token = tokens.getToken();
    await advance(MINUTE);
    open();
    expect(await token).toBeTypeOf("string");
  });
});

describe("a source that keeps failing (rule 4)", () => {
  for (const [name, answer] of Object.entries({
    "503": () => new Response(null, { status: 503 }),
    "401": () => new Response(null, { status: 401 }),
    "no network": () => Promise.reject(new TypeError("Failed to fetch")),
    garbage: () => new Response("<html>", { headers: { "content-type": "text/html" } }),
  })) {
    for (const random of [0, 0.5, 0.999]) {
      it(`gets at most 10 requests in the first minute and 3 in each later one: ${name}, Math.random() ${random}`, async () => {
        vi.spyOn(Math, "random").mockReturnValue(random);
        const world = new World();
        world.answer = answer;
        const tokens = create(options(world));
        const start = world.now();
        for (let time = 0; time < 10 * MINUTE; time += 100) {
          tokens.getToken().catch(() => {});
          await advance(100);
        }
        const perMinute = Array.from({ length: 10 }, (_, minute) =>
          world.requests.filter((at) => Math.floor((at - start) / MINUTE) === minute),
        );
        expect(perMinute[0]!.length).toBeLessThanOrEqual(10);
        for (const minute of perMinute.slice(1)) expect(minute.length).toBeLessThanOrEqual(3);
        expect(perMinute.at(-1)!.length).toBeGreaterThanOrEqual(1);
        // It recovers automatically.
        world.answer = () => undefined;
        let token: string | undefined;
        for (let time = 0; time < 31 * SECOND && !token; time += SECOND) {
          tokens.getToken().then(
            (value) => {
              token = value;
            },
            () => {},
          );
          await advance(SECOND);
        }
        expect(token).toBe(world.tokens[0]);
      });
    }
  }

  it("gets at most 3 requests in a later minute, even after a while without calls", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.1);
    const world = new World();
    world.answer = down;
    const tokens = create(options(world, { retries: 0, autoRefresh: false }));
    await caught(tokens.getToken());
    await advance(61 * SECOND);
    for (let minute = 0; minute < 3; minute++) {
      const before = world.requests.length;
      for (let time = 0; time < MINUTE; time += SECOND) {
        tokens.getToken().catch(() => {});
        await advance(SECOND);
      }
      expect(world.requests.length - before).toBe(3);
    }
  });

  it("is asked again at once after the first failures, so that a user who signs in gets a token", async () => {
    const world = new World();
    world.answer = () => new Response(null, { status: 401 });
    const tokens = create(options(world));
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    world.answer = () => undefined;
    expect(await tokens.getToken()).toBe(world.tokens[0]);
  });

  it("is asked at once by forceRefresh, even in the pause before an attempt", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.9);
    world.answer = down;
    const tokens = create(options(world));
    const first = tokens.getToken();
    await advance(100);
    expect(world.requests.length).toBe(1);
    world.answer = () => undefined;
    expect(await tokens.getToken({ forceRefresh: true })).toBe(world.tokens[0]);
    expect(await first).toBe(world.tokens[0]);
    expect(world.requests.length).toBe(2);
  });

  it("does not retry permanent failures", async () => {
    for (const status of [400, 401, 403, 404, 410]) {
      const world = new World();
      world.answer = () => new Response(null, { status });
      expect(await caught(create(options(world)).getToken())).toMatchObject({ status });
      expect(world.requests.length).toBe(1);
    }
  });

  it("retries temporary failures", async () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504]) {
      const world = new World();
      world.answer = (n) => (n === 1 ? new Response(null, { status }) : undefined);
      const token = create(options(world)).getToken();
      await advance(SECOND);
      expect(await token).toBe(world.tokens[0]);
    }
  });
});

describe("tokens that Cube refuses", () => {
  it("are replaced at once", async () => {
    const world = new World();
    const tokens = create(options(world));
    const first = await tokens.getToken();
    tokens.invalidate(first);
    expect(tokens.getSnapshot().status).toBe("expired");
    const second = await tokens.getToken();
    expect(second).toBe(world.tokens[1]);
    // A late report about the first one.
    tokens.invalidate(first);
    expect(await tokens.getToken()).toBe(second);
    tokens.invalidate();
    expect(await tokens.getToken()).toBe(world.tokens[2]);
  });

  it("cause no request storm, and callers get Cube's own answer in the meantime", async () => {
    const world = new World();
    const tokens = create(options(world));
    const start = world.now();
    for (let time = 0; time < 5 * MINUTE; time += SECOND) {
      // Twenty charts that poll every second, and a Cube with another secret.
      for (let chart = 0; chart < 20; chart++) {
        tokens.getToken().then(
          (token) => tokens.invalidate(token),
          () => expect.unreachable(),
        );
      }
      await advance(SECOND);
    }
    const count = (from: number, to: number) =>
      world.requests.filter((at) => at - start >= from * MINUTE && at - start < to * MINUTE).length;
    expect(count(0, 1)).toBeLessThanOrEqual(10);
    for (let minute = 1; minute < 5; minute++) expect(count(minute, minute + 1)).toBeLessThanOrEqual(3);
    // Cube is fixed: its refusals end, and the manager recovers.
    await advance(MINUTE);
    const token = await tokens.getToken();
    expect(await tokens.getToken()).toBe(token);
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it("reject with advice once the refused token has expired too", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const world = new World({ lifetime: 15 });
    const tokens = create(options(world, { autoRefresh: false }));
    // Enough refusals in a row, for more than a minute, for a pause longer than the token's lifetime.
    for (let refusal = 0; refusal < 5; refusal++) {
      tokens.invalidate(await tokens.getToken());
      await advance(17 * SECOND);
    }
    const error = await caught(tokens.getToken());
    expect(error).toMatchObject({ code: "ERR_INVALID_TOKEN" });
    expect((error as Error).message).toContain("secret");
  });

  it("are served again if the source repeats them: Cube may just not have the new key yet", async () => {
    const world = new World();
    const token = world.issue();
    world.answer = () => world.respond({ token });
    const tokens = create(options(world));
    expect(await tokens.getToken()).toBe(token);
    tokens.invalidate(token);
    expect(await tokens.getToken()).toBe(token);
    expect(tokens.getSnapshot().status).toBe("fresh");
    expect(world.requests.length).toBe(2);
  });

  it("are served during the pause: no call waits for another token that will be refused", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const world = new World();
    const tokens = create(options(world));
    for (let refusal = 0; refusal < 3; refusal++) tokens.invalidate(await tokens.getToken());
    const asked = world.requests.length;
    expect(await tokens.getToken()).toBe(world.tokens.at(-1));
    await advance(3 * SECOND);
    expect(await tokens.getToken()).toBe(world.tokens.at(-1));
    expect(world.requests.length).toBe(asked);
    // The pause is over: another request.
    await advance(2 * SECOND);
    await tokens.getToken();
    expect(world.requests.length).toBe(asked + 1);
  });

  it("are ignored without a token", () => {
    const tokens = create({ endpoint: "/token" });
    tokens.invalidate();
    tokens.invalidate("x");
    expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
  });
});

describe("an endpoint that caches", () => {
  it("is not asked in a loop for a token that it does not replace yet", async () => {
    const world = new World();
    world.cache();
    const tokens = create(options(world));
    for (let time = 0; time < 30 * MINUTE; time += 500) {
      expect(world.accepts(await tokens.getToken())).toBe(true);
      await advance(500);
    }
    // Six lifetimes and a half; three requests for each.
    expect(world.requests.length).toBeLessThanOrEqual(22);
  });

  it("never makes the manager serve an expired token, even without a Date header", async () => {
    for (const ttl of [0.3, 0.5, 0.8, 0.95]) {
      for (let start = 0; start < 1; start += 0.13) {
        const world = new World({ dateHeader: false });
        const cached = { token: "", until: 0 };
        // Another client had it renewed earlier.
        const renew = (age: number) => {
          cached.token = world.issue({
            iat: Math.floor((world.now() - age) / 1000),
            exp: Math.floor((world.now() - age) / 1000) + 300,
          });
          cached.until = world.now() - age + ttl * 300 * SECOND;
        };
        renew(start * ttl * 300 * SECOND);
        world.answer = () => {
          if (world.now() >= cached.until) renew(0);
          return world.respond({ token: cached.token });
        };
        const tokens = create({ endpoint: "/token", fetch: world.fetch });
        for (let time = 0; time < 20 * MINUTE; time += 2 * SECOND) {
          expect(world.accepts(await tokens.getToken())).toBe(true);
          await advance(2 * SECOND);
        }
        tokens.dispose();
      }
    }
  });

  it("may return the same opaque token again with a longer lifetime", async () => {
    const world = new World();
    world.answer = () => world.respond({ access_token: "opaque", expires_in: 300 });
    const tokens = create(options(world));
    await tokens.getToken();
    const { expiresAt } = tokens.getSnapshot();
    await advance(4 * MINUTE + SECOND);
    expect(tokens.getSnapshot().expiresAt).toBe(expiresAt! + 4 * MINUTE);
    expect(tokens.getSnapshot().status).toBe("fresh");
    expect(world.requests.length).toBe(2);
  });
});

describe("sign-out", () => {
  for (const [name, end] of Object.entries({
    ERR_CLEARED: (tokens: CubeTokenManager): void => void tokens.clear(),
    ERR_DISPOSED: (tokens: CubeTokenManager): void => tokens.dispose(),
  })) {
    it(`${name}: rejects pending calls, and drops the late answer`, async () => {
      const world = new World();
      const { open } = gate(world);
      const tokens = create(options(world, { storage: webStorage() }));
      const calls = [tokens.getToken(), tokens.getToken({ forceRefresh: true })].map(caught);
      await settle();
      end(tokens);
      for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: name });
      expect(world.contexts[0]?.signal?.aborted).toBe(true);
      open();
      await settle();
      expect(localStorage.length).toBe(0);
      expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
      expect(vi.getTimerCount()).toBe(0);
    });
  }

  it("lets the next call start afresh, unaffected by the late answer", async () => {
    const world = new World();
    const { open } = gate(world);
    const tokens = create(options(world, { storage: webStorage() }));
    const first = caught(tokens.getToken());
    await settle();
    const late = world.respond({ token: jwt({ sub: "before" }) });
    tokens.clear();
    const second = tokens.getToken();
    await settle();
    expect(world.requests.length).toBe(2);
    open(late);
    await settle();
    expect(localStorage.length).toBe(0);
    open(world.respond({ token: jwt({ sub: "after" }) }));
    expect(await second).toBe(jwt({ sub: "after" }));
    expect(await first).toMatchObject({ code: "ERR_CLEARED" });
    expect(localStorage.getItem("cube.token")).toContain(jwt({ sub: "after" }));
    localStorage.clear();
  });

  it("wins over an answer that has arrived but was not yet returned", async () => {
    const world = new World();
    for (let microtasks = 0; microtasks < 40; microtasks++) {
      const tokens = create(options(world, { storage: webStorage() }));
      const call = caught(tokens.getToken());
      for (let n = 0; n < microtasks; n++) await null;
      const before = tokens.getSnapshot().status;
      tokens.clear();
      const result = await call;
      // The call got its token before, or gets none.
      if (before === "empty" || typeof result !== "string") {
        expect(result).toMatchObject({ code: "ERR_CLEARED" });
      }
      await settle();
      expect(localStorage.length).toBe(0);
      expect(tokens.getSnapshot().status).toBe("empty");
    }
  });

  it("by a listener of the new token takes effect before the pending calls get it", async () => {
    for (const [code, end] of [
      ["ERR_CLEARED", "clear"],
      ["ERR_DISPOSED", "dispose"],
    ] as const) {
      const world = new World();
      const tokens = create(options(world));
      tokens.subscribe(({ type }) => type === "refreshed" && tokens[end]());
      expect(await caught(tokens.getToken())).toMatchObject({ code });
    }
  });

  it("resets the failures too", async () => {
    const world = new World();
    world.answer = () => new Response(null, { status: 429, headers: { "retry-after": "600" } });
    const tokens = create(options(world));
    await caught(tokens.getToken());
    await tokens.clear();
    expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
    world.answer = () => undefined;
    expect(await tokens.getToken()).toBe(world.tokens[0]);
  });

  it("resolves although the storage hangs, and erases once it answers", async () => {
    vi.useFakeTimers();
    const stored = new Map<string, string>();
    const late: (() => void)[] = [];
    const slow = (work: () => void) =>
      new Promise<void>((resolve) => {
        late.push(() => {
          work();
          resolve();
        });
      });
    const storage = {
      getItem: () => null,
      setItem: (key: string, value: string) => slow(() => void stored.set(key, value)),
      removeItem: (key: string) => slow(() => void stored.delete(key)),
    };
    const tokens = create({ fetchToken: async () => "opaque", storage: customStorage(storage) });
    await tokens.getToken();
    const cleared = tokens.clear();
    await advance(SECOND);
    await cleared;
    expect(late.length).toBe(1);
    late.shift()!();
    expect(stored.size).toBe(1);
    await settle();
    late.shift()!();
    await settle();
    expect(stored.size).toBe(0);
  });

  it("disposed: every later call is rejected, and no event follows", async () => {
    const world = new World();
    const tokens = create(options(world));
    const events: TokenEvent[] = [];
    tokens.subscribe(outcomes((event) => events.push(event)));
    await tokens.getToken();
    events.length = 0;
    tokens.dispose();
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_DISPOSED" });
    expect(await caught(tokens.getToken({ forceRefresh: true }))).toMatchObject({ code: "ERR_DISPOSED" });
    tokens.invalidate();
    tokens.subscribe(outcomes((event) => events.push(event)));
    await tokens.clear();
    expect(events).toEqual([]);
    expect(world.requests.length).toBe(1);
  });

  it("works with `using`", async () => {
    const world = new World();
    const tokens = new CubeTokenManager(options(world));
    await tokens.getToken();
    tokens[Symbol.dispose]();
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_DISPOSED" });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the caller's signal", () => {
  it("rejects that caller alone", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world));
    const controller = new AbortController();
    const reason = new Error("navigated away");
    const aborted = caught(tokens.getToken({ signal: controller.signal }));
    const other = tokens.getToken({ signal: new AbortController().signal });
    await advance(500);
    controller.abort(reason);
    expect(await aborted).toMatchObject({ code: "ERR_ABORTED", cause: reason });
    await advance(500);
    expect(await other).toBe(world.tokens[0]);
    expect(world.requests.length).toBe(1);
  });

  it("that is already aborted sends no request", async () => {
    const world = new World();
    const tokens = create(options(world));
    expect(await caught(tokens.getToken({ signal: AbortSignal.abort() }))).toMatchObject({
      code: "ERR_ABORTED",
    });
    expect(world.requests.length).toBe(0);
  });

  it("leaves no listener behind", async () => {
    const world = new World();
    const tokens = create(options(world));
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, "addEventListener");
    const remove = vi.spyOn(signal, "removeEventListener");
    await tokens.getToken({ signal });
    await settle();
    expect(remove).toHaveBeenCalledTimes(add.mock.calls.length);
  });
});

describe("lifetimes", () => {
  const timers = () => vi.getTimerCount();

  it("30 days: no loop, and refreshed in time", async () => {
    const world = new World({ lifetime: 30 * 86_400 });
    const tokens = create(options(world));
    await tokens.getToken();
    expect(timers()).toBe(1);
    await advance(29 * DAY);
    expect(world.requests.length).toBe(1);
    await advance(DAY);
    expect(world.requests.length).toBe(2);
    expect(world.accepts(await tokens.getToken())).toBe(true);
  });

  it("5 seconds: always a valid token, without a loop", async () => {
    const world = new World({ lifetime: 5, latency: 30 });
    const tokens = create(options(world));
    const first = tokens.getToken();
    await advance(30);
    await first;
    for (let time = 0; time < MINUTE; time += 100) {
      expect(world.accepts(await tokens.getToken())).toBe(true);
      await advance(100);
    }
    expect(world.requests.length).toBeGreaterThan(12);
    expect(world.requests.length).toBeLessThan(32);
  });

  it("half a second: no more than one timer-driven request a second", async () => {
    vi.useFakeTimers();
    let requests = 0;
    const tokens = create({ fetchToken: async () => ({ token: `t${requests++}`, expires_in: 0.5 }) });
    await tokens.getToken();
    await advance(MINUTE);
    expect(requests).toBeLessThanOrEqual(61);
  });

  it("none (no exp): never stale, no timer", async () => {
    const world = new World();
    const token = jwt({ sub: "forever" });
    world.answer = () => world.respond({ token });
    const tokens = create(options(world));
    expect(await tokens.getToken()).toBe(token);
    await advance(400 * DAY);
    expect(await tokens.getToken()).toBe(token);
    expect(world.requests.length).toBe(1);
    expect(timers()).toBe(0);
    expect(tokens.getSnapshot()).toEqual({ status: "fresh", refreshing: false, claims: { sub: "forever" } });
  });

  it("opaque without expires_in: only a refusal replaces it", async () => {
    const world = new World();
    world.answer = (n) => world.respond({ token: `opaque-${n}` });
    const tokens = create(options(world));
    await tokens.getToken();
    await advance(400 * DAY);
    expect(await tokens.getToken()).toBe("opaque-1");
    tokens.invalidate("opaque-1");
    expect(await tokens.getToken()).toBe("opaque-2");
  });

  it("opaque with expires_in: counted from the request, whatever the clocks show", async () => {
    const world = new World({ skew: 2 * HOUR, dateHeader: false, latency: SECOND });
    world.answer = (n) => world.respond({ access_token: `opaque-${n}`, expires_in: 300 });
    const tokens = create(options(world));
    const asked = world.now();
    const first = tokens.getToken();
    await advance(SECOND);
    await first;
    await advance(asked + 4 * MINUTE - world.now() - 1);
    expect(world.requests.length).toBe(1);
    await advance(2);
    expect(world.requests.length).toBe(2);
  });

  it("a JWT without exp, with expires_in: expires_in counts", async () => {
    const world = new World();
    world.answer = () => world.respond({ access_token: jwt({ sub: "a" }), expires_in: 300 });
    const tokens = create(options(world));
    await tokens.getToken();
    expect(Math.round(tokens.getSnapshot().expiresAt! - world.now())).toBe(300 * SECOND);
  });

  it("an exp that is a fraction", async () => {
    const world = new World();
    const exp = world.now() / 1000 + 300.25;
    world.answer = () => world.respond({ token: jwt({ exp }) });
    const tokens = create(options(world));
    await tokens.getToken();
    expect(tokens.getSnapshot().expiresAt).toBe(exp * 1000);
  });

  for (const exp of ["absurd", "milliseconds"]) {
    it(`an exp that is ${exp}: served without a loop, at an instant that a Date can hold`, async () => {
      const world = new World();
      const value = exp === "absurd" ? "1e999" : String(Date.now() * 1e6);
      const token = `eyJhbGciOiJIUzI1NiJ9.${btoa(`{"iat":1,"exp":${value}}`).replace(/=+$/, "")}.x`;
      world.answer = () => world.respond({ token });
      const tokens = create(options(world));
      expect(await tokens.getToken()).toBe(token);
      await advance(60 * DAY);
      expect(world.requests.length).toBe(1);
      expect(new Date(tokens.getSnapshot().expiresAt!).getTime()).not.toBeNaN();
    });
  }

  it("an exp or nbf that is a string: refused, as Cube would refuse it", async () => {
    for (const claims of [{ exp: "1999999999" }, { exp: null }, { nbf: "1" }]) {
      const world = new World();
      world.answer = () => world.respond({ token: jwt(claims) });
      expect(await caught(create(options(world)).getToken())).toMatchObject({ code: "ERR_INVALID_TOKEN" });
    }
  });

  it("an iat that is nonsense is ignored", async () => {
    for (const iat of ["now", 1e300, null, {}]) {
      const world = new World();
      const exp = Math.floor(world.now() / 1000) + 300;
      world.answer = () => world.respond({ token: jwt({ iat, exp }) });
      const tokens = create(options(world));
      await tokens.getToken();
      expect(tokens.getSnapshot()).toMatchObject({ status: "fresh", expiresAt: exp * 1000 });
    }
  });

  it("expired on arrival: ERR_TOKEN_EXPIRED, and the old token stays", async () => {
    for (const dateHeader of [true, false]) {
      const world = new World({ dateHeader });
      const tokens = create(options(world));
      const first = await tokens.getToken();
      const now = Math.floor(world.now() / 1000);
      world.answer = () => world.respond({ token: jwt({ iat: now - 400, exp: now - 100 }) });
      await advance(SECOND);
      const error = await caught(tokens.getToken({ forceRefresh: true }));
      // Without a Date header, one such token may also mean that the local clock has gone wrong.
      if (dateHeader) expect(error).toMatchObject({ code: "ERR_TOKEN_EXPIRED" });
      if (dateHeader) expect(await tokens.getToken()).toBe(first);
    }
    const world = new World({ dateHeader: false });
    world.answer = () => world.respond({ token: jwt({ exp: Math.floor(world.now() / 1000) - 1 }) });
    expect(await caught(create(options(world)).getToken())).toMatchObject({
      code: "ERR_TOKEN_EXPIRED",
      url: expect.stringMatching(/\/token$/),
    });
    expect(world.requests.length).toBe(1);
  });

  it("expired on arrival, without a Date header: expired once Cube has refused it and the source has repeated it", async () => {
    const world = new World({ dateHeader: false });
    const now = Math.floor(world.now() / 1000);
    const token = jwt({ iat: now - 400, exp: now - 100 });
    world.answer = () => world.respond({ token });
    const tokens = create(options(world));
    // The local clock may be wrong: only Cube knows.
    expect(await tokens.getToken()).toBe(token);
    tokens.invalidate(token);
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_TOKEN_EXPIRED" });
  });

  it("nbf in the future: not served yet", async () => {
    for (const dateHeader of [true, false]) {
      const world = new World({ dateHeader });
      const iat = Math.floor(world.now() / 1000);
      world.answer = () => world.respond({ token: jwt({ iat, nbf: iat + 60, exp: iat + 300 }) });
      expect(await caught(create(options(world)).getToken())).toMatchObject({ code: "ERR_INVALID_TOKEN" });
    }
  });

  it("nbf of now on a slow clock: served", async () => {
    for (const dateHeader of [true, false]) {
      const world = new World({ dateHeader, skew: -HOUR });
      const now = Math.floor(world.now() / 1000);
      world.answer = () => world.respond({ token: jwt({ nbf: now, exp: now + 300 }) });
      expect(await create(options(world)).getToken()).toBeTypeOf("string");
    }
  });

  it("with no iat and a wrong clock: expires_in shows it", async () => {
    const world = new World({ skew: 2 * HOUR, dateHeader: false });
    world.answer = () => {
      const exp = Math.floor(world.now() / 1000) + 300;
      return world.respond({ access_token: jwt({ exp }), expires_in: 300 });
    };
    const tokens = create(options(world));
    for (let time = 0; time < 10 * MINUTE; time += SECOND) {
      expect(world.accepts(await tokens.getToken())).toBe(true);
      await advance(SECOND);
    }
    expect(world.requests.length).toBeLessThanOrEqual(4);
  });

  it("spreads the refreshes of a fleet over refreshJitter, always earlier, drawn once per token", async () => {
    const world = new World();
    const first: number[] = [];
    const later: number[] = [];
    for (let n = 0; n < 50; n++) {
      const tokens = create(options(world, { refreshJitter: 0.2, refreshBefore: 30 * SECOND }));
      for (const times of [first, later]) {
        await tokens.getToken({ forceRefresh: true });
        const { refreshAt, expiresAt } = tokens.getSnapshot();
        expect(tokens.getSnapshot().refreshAt).toBe(refreshAt);
        times.push(expiresAt! - refreshAt!);
      }
    }
    // The first token of each client is spread twice as far: clients started together drift apart permanently.
    for (const [times, widest] of [
      [first, 150],
      [later, 90],
    ] as const) {
      expect(Math.min(...times)).toBeGreaterThanOrEqual(30 * SECOND);
      expect(Math.max(...times)).toBeLessThanOrEqual(widest * SECOND);
      expect(Math.max(...times)).toBeGreaterThan((widest - 20) * SECOND);
      expect(Math.min(...times)).toBeLessThan(50 * SECOND);
    }
  });

  it("spreads the first token after a failure twice as far, too", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.75);
    const tokens = create(options(world, { refreshJitter: 0.2 }));
    const margin = () => tokens.getSnapshot().expiresAt! - tokens.getSnapshot().refreshAt!;
    await tokens.getToken();
    expect(Math.abs(margin() - (60 * SECOND + 1.5 * 0.2 * 5 * MINUTE))).toBeLessThan(SECOND);
    await tokens.getToken({ forceRefresh: true });
    expect(Math.abs(margin() - (60 * SECOND + 0.75 * 0.2 * 5 * MINUTE))).toBeLessThan(SECOND);
    world.answer = () => world.respond({}, { status: 400 });
    await tokens.getToken({ forceRefresh: true }).catch(() => {});
    world.answer = () => undefined;
    await tokens.getToken({ forceRefresh: true });
    expect(Math.abs(margin() - (60 * SECOND + 1.5 * 0.2 * 5 * MINUTE))).toBeLessThan(SECOND);
  });

  it.each([
    [119, false],
    [121, true],
  ])("does not slow down with tokens of less than two minutes: %s s", async (lifetime, isCalm) => {
    const world = new World({ lifetime });
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const tokens = create(options(world));
    await tokens.getToken();
    world.answer = () => world.respond({}, { status: 503 });
    await advance(tokens.getSnapshot().refreshAt! - world.now() + 100);
    expect(world.requests.length).toBe(2);
    // Half a second, or three quarters of what is left.
    await advance(2 * SECOND);
    expect(world.requests.length === 2).toBe(isCalm);
  });

  it("sends at most four requests in three minutes after a failed refresh without a pending call", async () => {
    for (let n = 0; n < 30; n++) {
      const world = new World();
      const tokens = create(options(world));
      await tokens.getToken();
      const { refreshAt, expiresAt } = tokens.getSnapshot();
      world.answer = () => world.respond({}, { status: 503 });
      await advance(refreshAt! - world.now() + 100);
      expect(world.requests.length).toBe(2);
      // While the token is valid, at least once more.
      await advance(expiresAt! - world.now() - 9 * SECOND);
      expect(world.requests.length).toBeGreaterThanOrEqual(3);
      while (world.now() < refreshAt! + 3 * MINUTE - SECOND) {
        tokens.getToken().catch(() => {});
        await advance(SECOND);
      }
      // One while the old token was valid, then every 40 to 60 s.
      expect(world.requests.length).toBeLessThanOrEqual(6);
      world.answer = () => undefined;
      await advance(MINUTE);
      expect(world.accepts(await tokens.getToken())).toBe(true);
      tokens.dispose();
    }
  });

  it("asks at the same pace if Cube had refused the token before", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const tokens = create(options(world));
    tokens.invalidate(await tokens.getToken());
    await tokens.getToken();
    world.answer = () => world.respond({}, { status: 503 });
    await advance(tokens.getSnapshot().refreshAt! - world.now() + 100);
    expect(world.requests.length).toBe(3);
    await advance(20 * SECOND);
    expect(world.requests.length).toBe(3);
  });

  it("never refreshes earlier than a tenth of the lifetime, whatever the options", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const tokens = create(options(world, { refreshJitter: 1, refreshBefore: HOUR, minValidity: HOUR }));
    for (let time = 0; time < 5 * MINUTE; time += SECOND) {
      await tokens.getToken();
      await advance(SECOND);
    }
    expect(world.requests.length).toBeLessThanOrEqual(11);
  });
});

describe("sleep", () => {
  it("of eight hours: the first call does not return an expired token", async () => {
    for (const dateHeader of [true, false]) {
      const world = new World({ lifetime: 3600, dateHeader });
      const tokens = create(options(world));
      await tokens.getToken();
      world.sleep(8 * HOUR);
      expect(world.accepts(await tokens.getToken())).toBe(true);
      expect(world.requests.length).toBe(2);
    }
  });

  it("of ten minutes, after the clock was set back by an hour", async () => {
    const world = new World({ lifetime: 300 });
    const tokens = create(options(world, { autoRefresh: false }));
    await tokens.getToken();
    await advance(MINUTE);
    world.setClock(-HOUR);
    await tokens.getToken();
    world.sleep(10 * MINUTE);
    expect(world.accepts(await tokens.getToken())).toBe(true);
  });
});
