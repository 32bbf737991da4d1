import { describe, expect, it, vi } from "vitest";
import { isRetryable } from "../../src/errors.js";
import {
  CubeTokenError,
  type CubeTokenManager,
  embeddedToken,
  isCubeTokenError,
  type TokenEvent,
  webStorage,
} from "../../src/index.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { advance, HOUR, MINUTE, SECOND, settle, World } from "../support/world.js";

const options = (world: World, more: object = {}) => ({
  endpoint: "/token",
  fetch: world.fetch,
  refreshJitter: 0,
  ...more,
});

describe("getSnapshot", () => {
  it("follows the token through its lifetime", async () => {
    const world = new World({ latency: SECOND });
    const tokens = create(options(world, { autoRefresh: false }));
    expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
    const first = tokens.getToken();
    expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: true });
    await advance(SECOND);
    await first;
    const exp = Math.floor((world.now() - SECOND) / 1000) + 300;
    expect(tokens.getSnapshot()).toMatchObject({ status: "fresh", refreshing: false });
    expect(tokens.getSnapshot().claims).toMatchObject({ sub: "user" });
    expect(Math.abs(tokens.getSnapshot().expiresAt! - exp * 1000)).toBeLessThanOrEqual(1000);
    await advance(4 * MINUTE);
    expect(tokens.getSnapshot().status).toBe("stale");
    await advance(MINUTE);
    expect(tokens.getSnapshot().status).toBe("expired");
  });

  it("is the same object until something changes", async () => {
    const world = new World();
    const tokens = create(options(world));
    const empty = tokens.getSnapshot();
    expect(tokens.getSnapshot()).toBe(empty);
    await tokens.getToken();
    const fresh = tokens.getSnapshot();
    expect(fresh).not.toBe(empty);
    await advance(MINUTE);
    await tokens.getToken();
    expect(tokens.getSnapshot()).toBe(fresh);
    await tokens.getToken({ forceRefresh: true });
    expect(tokens.getSnapshot()).not.toBe(fresh);
  });

  it("is immutable, its claims included, and never holds the token", async () => {
    const world = new World();
    const token = jwt({ company: { id: 1, tags: ["a"] }, exp: Math.floor(world.now() / 1000) + 300 });
    world.answer = () => world.respond({ token });
    const tokens = create(options(world));
    await tokens.getToken();
    const snapshot = tokens.getSnapshot();
    const company = snapshot.claims!.company as { id: number; tags: string[] };
    expect(() => Object.assign(snapshot, { status: "empty" })).toThrow(TypeError);
    expect(() => Object.assign(company, { id: 2 })).toThrow(TypeError);
    expect(() => company.tags.push("b")).toThrow(TypeError);
    expect(JSON.stringify(snapshot)).not.toContain(token.slice(0, 20));
  });

  it("and all other members are bound", async () => {
    const world = new World();
    const { getToken, getSnapshot, subscribe, securityContext, invalidate, clear, dispose } = create(
      options(world),
    );
    const stop = subscribe(() => {});
    await getToken();
    expect(getSnapshot().status).toBe("fresh");
    expect(securityContext()).toMatchObject({ sub: "user" });
    invalidate();
    await clear();
    stop();
    dispose();
    await expect(getToken()).rejects.toMatchObject({ code: "ERR_DISPOSED" });
  });
});

describe("events", () => {
  const record = (tokens: ReturnType<typeof create>) => {
    const events: TokenEvent[] = [];
    tokens.subscribe(outcomes((event) => events.push(event)));
    return events;
  };

  it("report refreshes, failures, refusals and sign-outs, once each", async () => {
    const world = new World();
    const tokens = create(options(world));
    const events = record(tokens);
    await tokens.getToken();
    await tokens.getToken();
    tokens.invalidate();
    tokens.invalidate();
    await tokens.getToken();
    world.answer = () => new Response(null, { status: 401 });
    await tokens.getToken({ forceRefresh: true }).catch(() => {});
    await tokens.clear();
    await tokens.clear();
    expect(events).toEqual([
      { type: "refreshed", from: "source" },
      { type: "invalidated" },
      { type: "refreshed", from: "source" },
      { type: "refreshfailed", error: expect.objectContaining({ code: "ERR_UNAUTHENTICATED" }) },
      { type: "cleared", from: "here" },
    ]);
  });

  it("report each attempt to get a token", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    world.answer = (request) => (request === 1 ? world.respond({}, { status: 503 }) : undefined);
    const tokens = create(options(world));
    const events: TokenEvent[] = [];
    tokens.subscribe((event) => events.push(event));
    const token = tokens.getToken();
    await advance(SECOND);
    await token;
    const error = expect.objectContaining({ code: "ERR_HTTP_STATUS", status: 503 });
    expect(events).toEqual([
      { type: "refreshing" },
      { type: "requested", attempt: 1 },
      { type: "attemptfailed", attempt: 1, error, retryIn: 500 },
      { type: "requested", attempt: 2 },
      { type: "refreshed", from: "source" },
    ]);
  });

  it("do not occur when the source returns the current token", async () => {
    const world = new World();
    const token = world.issue();
    world.answer = () => world.respond({ token });
    const tokens = create(options(world));
    await tokens.getToken();
    const events = record(tokens);
    const before = tokens.getSnapshot();
    expect(await tokens.getToken({ forceRefresh: true })).toBe(token);
    expect(events).toEqual([]);
    expect(tokens.getSnapshot()).toEqual(before);
  });

  it.each<[string, number, object]>([
    ["a caller waits", 503, {}],
    ["no call is pending, and the pause is short", 503, { retries: 0 }],
    ["the token is still valid, and a 403 is tried again", 403, { live: true }],
    ["the token expires in the pause", 503, { live: true, refreshBefore: 0, refreshJitter: 0 }],
    ["the user is signed out", 401, {}],
    ["only calls ask", 503, { autoRefresh: false, retries: 1 }],
    ["the page is hidden", 503, { hidden: true, retries: 1 }],
  ])("announce the next attempt, if there is one: %s", async (_, status, more) => {
    const { live, hidden, ...rest } = more as { live?: boolean; hidden?: boolean };
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.3);
    if (hidden) vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    if (!live) world.answer = () => new Response(null, { status });
    const tokens = create(options(world, rest));
    const due: number[] = [];
    tokens.subscribe((event) => {
      if (event.type === "attemptfailed") due.push(world.now() + (event.retryIn ?? NaN));
    });
    tokens.getToken().catch(() => {});
    await advance(SECOND);
    world.answer = () => new Response(null, { status });
    await advance(10 * MINUTE);
    const came = world.requests.slice(live ? 2 : 1);
    expect(due.length).toBeGreaterThan(came.length);
    for (const [index, at] of due.entries()) {
      if (Number.isNaN(at)) expect(came[index]).toBeUndefined();
      else if (at < world.now()) expect(Math.abs(came[index]! - at)).toBeLessThan(5);
    }
  });

  it("occur when the new state can be read", async () => {
    const world = new World();
    const tokens = create(options(world));
    const seen: unknown[] = [];
    tokens.subscribe(
      outcomes(({ type }) => seen.push([type, tokens.getSnapshot().status, tokens.getSnapshot().refreshing])),
    );
    await tokens.getToken();
    tokens.invalidate();
    await tokens.clear();
    expect(seen).toEqual([
      ["refreshed", "fresh", false],
      ["invalidated", "expired", false],
      ["cleared", "empty", false],
    ]);
  });

  it("never carry a token", async () => {
    const world = new World();
    const tokens = create(options(world, { storage: webStorage() }));
    const events = record(tokens);
    await tokens.getToken();
    tokens.invalidate(world.tokens[0]);
    await tokens.getToken();
    await tokens.clear();
    expect(events.length).toBe(4);
    for (const token of world.tokens) expect(JSON.stringify(events)).not.toContain(token.split(".")[1]);
  });

  it("reach every listener although one throws, whose error is reported", async () => {
    const report = vi.fn();
    vi.stubGlobal("reportError", report);
    const world = new World();
    const tokens = create(options(world));
    const error = new Error("a bug in the page");
    tokens.subscribe(() => {
      throw error;
    });
    const events = record(tokens);
    expect(await tokens.getToken()).toBe(world.tokens[0]);
    expect(events.length).toBe(1);
    expect(report).toHaveBeenCalledTimes(3);
    expect(report).toHaveBeenCalledWith(error);
    vi.stubGlobal("reportError", undefined);
    expect(await tokens.getToken({ forceRefresh: true })).toBe(world.tokens[1]);
  });

  it("end with each subscription, even from within a listener", async () => {
    const world = new World();
    const tokens = create(options(world));
    const listener = vi.fn();
    const stop = tokens.subscribe(outcomes(listener));
    tokens.subscribe(outcomes(listener));
    const stopSelf = tokens.subscribe(() => stopSelf());
    await tokens.getToken();
    expect(listener).toHaveBeenCalledTimes(2);
    stop();
    stop();
    await tokens.getToken({ forceRefresh: true });
    expect(listener).toHaveBeenCalledTimes(3);
  });
});

describe("a listener that another one removes", () => {
  it.each([
    ["by unsubscribing it", (_: CubeTokenManager, stop: () => void) => stop()],
    ["with dispose()", (tokens: CubeTokenManager) => tokens.dispose()],
  ])("is not called, %s", async (_, end) => {
    const tokens = create(options(new World()));
    const listener = vi.fn();
    let stop = () => {};
    tokens.subscribe(() => end(tokens, stop));
    stop = tokens.subscribe(listener);
    await tokens.getToken().catch(() => {});
    expect(listener).not.toHaveBeenCalled();
  });
});

describe("securityContext", () => {
  const context = async (claims: object, more?: { claimsNamespace?: string }) => {
    const tokens = create({ fetchToken: async () => jwt(claims) });
    await tokens.getToken();
    return tokens.securityContext(more);
  };

  it("is the claims, flat", async () => {
    expect(await context({ company: "Acme", iat: 1 })).toEqual({ company: "Acme", iat: 1 });
  });

  it("lifts the legacy u", async () => {
    expect(await context({ u: { id: 7, iat: 2 }, iat: 1 })).toEqual({ id: 7, iat: 2 });
    expect(await context({ u: null, iat: 1 })).toEqual({ u: null, iat: 1 });
  });

  it("is the claim named by the namespace, or undefined", async () => {
    const claims = { "https://cube.dev/": { company: "Acme" }, iat: 1 };
    expect(await context(claims, { claimsNamespace: "https://cube.dev/" })).toEqual({ company: "Acme" });
    expect(await context(claims, { claimsNamespace: "other" })).toEqual({});
  });

  it("is undefined without a token, and for an opaque one", async () => {
    const tokens = create({ fetchToken: async () => "opaque" });
    expect(tokens.securityContext()).toBeUndefined();
    await tokens.getToken();
    expect(tokens.securityContext()).toBeUndefined();
  });
});

describe("initialToken", () => {
  it("saves the first request, and is refreshed when due", async () => {
    const world = new World();
    const initialToken = world.issue();
    const tokens = create(options(world, { initialToken, storage: webStorage() }));
    expect(vi.getTimerCount()).toBe(0);
    expect(tokens.getSnapshot().status).toBe("fresh");
    expect(await tokens.getToken()).toBe(initialToken);
    expect(localStorage.getItem("cube.token")).toContain(initialToken);
    expect(world.requests.length).toBe(0);
    await advance(4 * MINUTE);
    expect(world.requests.length).toBe(1);
    await tokens.clear();
  });

  it("takes precedence over the stored token", async () => {
    const world = new World();
    const before = create(options(world, { storage: webStorage() }));
    await before.getToken();
    before.dispose();
    const initialToken = world.issue({ sub: "new" });
    const tokens = create(options(world, { initialToken, storage: webStorage() }));
    expect(await tokens.getToken()).toBe(initialToken);
    await tokens.clear();
  });

  it("that is expired or broken is ignored", async () => {
    for (const initialToken of ["", "eyJ.x", "not a token", jwt({ exp: 1 })]) {
      const world = new World();
      const tokens = create(options(world, { initialToken }));
      expect(tokens.getSnapshot().status).toBe("empty");
      expect(await tokens.getToken()).toBe(world.tokens[0]);
    }
  });

  it("is not valid at its exp", () => {
    const exp = new World().now() / 1000;
    expect(create({ endpoint: "/token", initialToken: jwt({ exp }) }).getSnapshot().status).toBe("empty");
  });

  it.each([
    [2, "fresh"],
    [2.001, "empty"],
  ])("that becomes valid in %s s is %s: servers' clocks may differ by two", (seconds, status) => {
    const now = new World().now() / 1000;
    const initialToken = jwt({ nbf: now + seconds, exp: now + 300 });
    expect(create({ endpoint: "/token", initialToken }).getSnapshot().status).toBe(status);
  });

  it("is refreshed with up to twice the jitter: many pages may have been rendered at once", () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const initialToken = world.issue();
    const tokens = create(options(world, { initialToken, refreshJitter: 0.1 }));
    const { expiresAt = 0, refreshAt = 0 } = tokens.getSnapshot();
    expect((expiresAt - refreshAt) / SECOND).toBeCloseTo(60 + 30, 0);
  });

  it("that is not valid yet is not served", async () => {
    const world = new World();
    const nbf = world.now() / 1000 + 3600;
    const tokens = create(options(world, { initialToken: jwt({ nbf, exp: nbf + 3600 }) }));
    expect(await tokens.getToken()).toBe(world.tokens[0]);
  });

  it("is not used again after clear()", async () => {
    const world = new World();
    const initialToken = world.issue();
    const tokens = create(options(world, { initialToken }));
    await tokens.clear();
    expect(await tokens.getToken()).toBe(world.tokens[0]);
  });

  it("is used on a wrong clock, or costs one request", async () => {
    for (const skew of [2 * HOUR, -2 * HOUR]) {
      const world = new World({ skew, dateHeader: false });
      const tokens = create(options(world, { initialToken: world.issue() }));
      for (let time = 0; time < 6 * MINUTE; time += SECOND) {
        expect(world.accepts(await tokens.getToken())).toBe(true);
        await advance(SECOND);
      }
      expect(world.requests.length).toBeLessThanOrEqual(2);
    }
  });
});

describe("embeddedToken", () => {
  it("reads the meta tag, or any element", () => {
    document.head.innerHTML = '<meta name="cube-token" content=" abc ">';
    document.body.innerHTML = '<script type="text/plain" id="t">\n def \n</script><i id="empty"></i>';
    expect(embeddedToken()).toBe("abc");
    expect(embeddedToken("#t")).toBe("def");
    expect(embeddedToken("#empty")).toBeUndefined();
    expect(embeddedToken("#none")).toBeUndefined();
  });

  it("is undefined on a server", () => {
    vi.stubGlobal("document", undefined);
    expect(embeddedToken()).toBeUndefined();
  });

  it("fits initialToken", async () => {
    const world = new World();
    const token = world.issue();
    document.head.innerHTML = `<meta name="cube-token" content="${token}">`;
    expect(await create(options(world, { initialToken: embeddedToken() })).getToken()).toBe(token);
    document.head.innerHTML = "";
    expect(await create(options(world, { initialToken: embeddedToken() })).getToken()).toBe(world.tokens[0]);
  });
});

describe("CubeTokenError", () => {
  it("is recognized, even from another copy of the package", () => {
    const error = new CubeTokenError("ERR_HTTP_STATUS", "text", { status: 503, retryAfter: 5, cause: "x" });
    expect(error).toMatchObject({ name: "CubeTokenError", status: 503, retryAfter: 5, cause: "x" });
    expect(isCubeTokenError(error)).toBe(true);
    expect(
      isCubeTokenError(Object.assign(new Error("x"), { name: "CubeTokenError", code: "ERR_NETWORK" })),
    ).toBe(true);
    for (const other of [new Error("x"), null, undefined, "ERR_NETWORK", { code: "ERR_NETWORK" }]) {
      expect(isCubeTokenError(other)).toBe(false);
    }
    expect("cause" in new CubeTokenError("ERR_NETWORK", "x")).toBe(false);
  });

  it("of another copy is an instance of CubeTokenError, but not of a derived class", () => {
    class AppError extends CubeTokenError {}
    const other = Object.assign(new Error("x"), { name: "CubeTokenError", code: "ERR_NETWORK" });
    expect(other instanceof CubeTokenError).toBe(true);
    expect(other instanceof AppError).toBe(false);
    expect(new CubeTokenError("ERR_NETWORK", "x") instanceof AppError).toBe(false);
    expect(new AppError("ERR_NETWORK", "x") instanceof AppError).toBe(true);
    expect(new AppError("ERR_NETWORK", "x") instanceof CubeTokenError).toBe(true);
    expect(new Error("x") instanceof CubeTokenError).toBe(false);
  });

  it.each([
    ["ERR_NETWORK", undefined, true],
    ["ERR_HTTP_STATUS", 429, true],
    ["ERR_HTTP_STATUS", 503, true],
    ["ERR_HTTP_STATUS", 404, false],
    // Thrown by an application: its code decides.
    ["ERR_FORBIDDEN", 503, false],
  ] as const)("%s, status %s, is retryable: %s", (code, status, expected) => {
    expect(isRetryable(new CubeTokenError(code, "x", { status }))).toBe(expected);
  });

  it.each([
    [99, undefined],
    [100, 100],
    [999, 999],
    [1000, undefined],
    [404.5, undefined],
  ])("of status %s has %s", (given, status) => {
    expect(new CubeTokenError("ERR_HTTP_STATUS", "x", { status: given }).status).toBe(status);
  });
});

it("leaves no timer after dispose()", async () => {
  const world = new World();
  const tokens = create(options(world));
  await tokens.getToken();
  tokens.dispose();
  await settle();
  expect(vi.getTimerCount()).toBe(0);
});
