import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type MountDevtoolsOptions, mountDevtools } from "../../src/devtools/index.js";
import { CubeTokenError, type TokenEvent, type TokenSnapshot } from "../../src/index.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { advance, MINUTE, SECOND, settle, World } from "../support/world.js";

/** A manager whose state a test sets. */
class Shown {
  snapshot: TokenSnapshot = { status: "empty", refreshing: false };
  readonly listeners = new Set<(event: TokenEvent) => void>();
  readonly getSnapshot = () => this.snapshot;
  readonly subscribe = (listener: (event: TokenEvent) => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };
  emit(event: TokenEvent, snapshot: Partial<TokenSnapshot> = {}): void {
    this.snapshot = { ...this.snapshot, ...snapshot };
    for (const listener of this.listeners) listener(event);
  }
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  document.body.replaceChildren();
});

function mount(tokens: Parameters<typeof mountDevtools>[0], options?: MountDevtoolsOptions) {
  const stop = mountDevtools(tokens, options);
  stops.push(stop);
  const host = (options?.container ?? document.body).lastElementChild as HTMLElement;
  const root = host.shadowRoot!;
  const text = (selector: string) => root.querySelector(selector)?.textContent;
  return {
    stop,
    host,
    root,
    text,
    spoken: () => text(".spoken"),
    log: () => [...root.querySelectorAll("li span")].map(({ textContent }) => textContent),
    bars: (lane: string) => [...root.querySelectorAll<HTMLElement>(`.track[data-lane="${lane}"] i`)],
    claims: () =>
      Object.fromEntries(
        [...root.querySelectorAll("dt")].map((term) => [
          term.textContent,
          term.nextElementSibling?.textContent,
        ]),
      ),
    label: () => root.querySelector("[role=img]")?.getAttribute("aria-label"),
  };
}

const failure = new CubeTokenError("ERR_HTTP_STATUS", "The endpoint answered 503.", { status: 503 });

describe("with a real manager", () => {
  it("sends no token request", async () => {
    const world = new World();
    const shown = mount(create({ endpoint: "/token", fetch: world.fetch }));
    await advance(10 * MINUTE);
    expect(world.requests).toEqual([]);
    expect(shown.text(".pill")).toBe("empty");
    expect(shown.text("[role=timer]")).toBe("–no token");
    expect(shown.log()).toEqual([]);
  });

  it("shows state, countdown, claims and log over the token's lifetime, and never the token", async () => {
    const world = new World({ lifetime: 300 });
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const shown = mount(tokens);
    const token = await tokens.getToken();
    expect(shown.text(".pill")).toBe("fresh");
    expect(shown.spoken()).toBe("The token is fresh.");
    expect(shown.claims()).toMatchObject({ sub: "user", n: "1" });
    expect(shown.claims().exp).toMatch(/^\d+ \(.+\)$/);
    expect(shown.log()).toEqual([
      "Got a new token from the source",
      "Requested a token from the source, attempt 1",
      "Refresh started",
    ]);
    await advance(60 * SECOND);
    expect(shown.text("[role=timer]")).toMatch(/^(4 min 00 s|3 min 59 s)until it expires$/);
    await advance(10 * MINUTE);
    expect(world.requests.length).toBeGreaterThan(2);
    expect(shown.log().filter((line) => line === "Got a new token from the source")).toHaveLength(
      world.requests.length,
    );
    const html = shown.host.outerHTML + shown.root.innerHTML;
    expect(html).not.toContain("eyJ");
    for (const each of [token, ...world.tokens]) expect(html).not.toContain(each.split(".")[1]);
  });

  it("shows failures with the next attempt, and the recovery", async () => {
    const world = new World();
    world.answer = (request) => (request < 3 ? new Response("", { status: 503 }) : undefined);
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const shown = mount(tokens);
    const token = tokens.getToken();
    await settle();
    expect(shown.log()[0]).toMatch(/^Attempt 1 failed \(next try in \d+( ms| s)\)\. ERR_HTTP_STATUS: .*503/);
    expect(shown.bars("Refresh")).toHaveLength(1);
    expect(shown.bars("Refresh")[0]!.className).toBe("open");
    await advance(30 * SECOND);
    await token;
    await advance(SECOND);
    expect(shown.bars("Failure")).toHaveLength(2);
    expect(shown.bars("Request")).toHaveLength(3);
    expect(shown.bars("Refresh")[0]!.className).toBe("");
    expect(shown.label()).toContain("Refresh: 1, Request: 3, Other tab: 0, New token: 1, Failure: 2");
    expect(shown.text(".error")).toBe("");
  });

  it("follows a sign-out", async () => {
    const world = new World();
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const shown = mount(tokens);
    await tokens.getToken();
    await tokens.clear();
    expect(shown.log()[0]).toBe("Signed out");
    expect(shown.text(".pill")).toBe("empty");
    expect(shown.claims()).toEqual({});
  });

  it.each([
    ["a day ahead", 24 * 60 * MINUTE],
    ["a day behind", -24 * 60 * MINUTE],
    ["right", 0],
  ])("counts down on the server's clock if the local one is %s", async (_, skew) => {
    const world = new World({ lifetime: 300, skew });
    const tokens = create({ endpoint: "/token", fetch: world.fetch, autoRefresh: false });
    const shown = mount(tokens);
    await tokens.getToken();
    await advance(100 * SECOND);
    expect(shown.text("[role=timer]")).toMatch(/^3 min (1[89]|2[0-2]) suntil/);
  });
});

describe("what is shown", () => {
  let tokens: Shown;
  beforeEach(() => {
    vi.useFakeTimers();
    tokens = new Shown();
  });

  it("shows a line for each type of event", () => {
    const shown = mount(tokens);
    const error = failure;
    const lines: [TokenEvent, RegExp][] = [
      [{ type: "refreshing" }, /ended without a new token/],
      [{ type: "waiting" }, /another tab/],
      [{ type: "requested", attempt: 2 }, /attempt 2/],
      [{ type: "attemptfailed", error, attempt: 3, retryIn: 2500 }, /Attempt 3 failed \(next try in 3 s\)/],
      [{ type: "attemptfailed", error, attempt: 3 }, /Attempt 3 failed\. ERR_HTTP_STATUS/],
      [{ type: "refreshed", from: "source" }, /from the source/],
      [{ type: "refreshed", from: "storage" }, /without a request/],
      [{ type: "refreshfailed", error }, /Refresh failed\. ERR_HTTP_STATUS/],
      [{ type: "stale" }, /due/],
      [{ type: "expired" }, /expired/],
      [{ type: "invalidated" }, /rejected/],
      [{ type: "cleared", from: "here" }, /^Signed out$/],
      [{ type: "cleared", from: "tab" }, /in another tab/],
      [{ type: "cleared", from: "identity" }, /Another user/],
      [{ type: "storagefailed", operation: "setItem", reason: "QuotaExceededError" }, /setItem \(QuotaEx/],
      [{ type: "of a later version" } as unknown as TokenEvent, /of a later version/],
    ];
    for (const [event, line] of lines) {
      tokens.emit(event);
      expect(shown.log()[0], event.type).toMatch(line);
    }
    expect(shown.log()).toHaveLength(lines.length);
  });

  it("a wait for another tab lasts until its outcome", async () => {
    const shown = mount(tokens);
    tokens.emit({ type: "refreshing" }, { refreshing: true });
    tokens.emit({ type: "waiting" });
    tokens.emit({ type: "stale" });
    await advance(9 * SECOND);
    const width = () => Number.parseFloat(shown.bars("Other tab")[0]!.style.width);
    expect(width()).toBeCloseTo(10, 0);
    tokens.emit({ type: "refreshed", from: "storage" }, { refreshing: false, status: "fresh" });
    await advance(9 * SECOND);
    expect(width()).toBeCloseTo(10, 0);
    expect(shown.root.querySelectorAll(".open")).toHaveLength(0);
  });

  it("open bars end with a disposed manager, which emits no events", async () => {
    const shown = mount(tokens);
    tokens.emit({ type: "refreshing" }, { refreshing: true });
    tokens.emit({ type: "requested", attempt: 1 });
    expect(shown.root.querySelectorAll(".open")).toHaveLength(2);
    tokens.snapshot = { status: "empty", refreshing: false };
    await advance(SECOND);
    expect(shown.root.querySelectorAll(".open")).toHaveLength(0);
  });

  it("old marks leave the timeline, and the log keeps 100 lines", async () => {
    const shown = mount(tokens);
    for (let n = 0; n < 120; n++) tokens.emit({ type: "stale" });
    expect(shown.log()).toHaveLength(100);
    expect(shown.bars("State")).toHaveLength(100);
    await advance(91 * SECOND);
    expect(shown.bars("State")).toHaveLength(0);
  });

  it("data is shown as text, wherever it comes from", () => {
    const evil = '<img src=x onerror="window.hacked = true">';
    const shown = mount(tokens);
    const error = new CubeTokenError("ERR_SOURCE", evil);
    tokens.emit(
      { type: "storagefailed", operation: "getItem", reason: evil },
      { claims: { [evil]: evil, nested: { evil } }, error, status: evil as "fresh" },
    );
    tokens.emit({ type: "refreshfailed", error });
    expect(shown.root.querySelectorAll("img")).toHaveLength(0);
    expect(shown.claims()[evil]).toBe(evil);
    expect(shown.text(".error")).toContain(evil);
  });

  it("a token in a claim or an application's own error is not shown", () => {
    const token = jwt({ sub: "someone" });
    const shown = mount(tokens);
    const error = new CubeTokenError("ERR_SOURCE", `No use: ${token}`);
    tokens.emit(
      { type: "refreshfailed", error },
      { claims: { access_token: token, list: [token], [token]: 1 }, error },
    );
    expect(shown.root.innerHTML).not.toContain(token.slice(0, 12));
    expect(shown.claims().access_token).toBe("eyJ…");
  });

  it("no part of an encrypted token is shown either", () => {
    const shown = mount(tokens);
    tokens.emit({ type: "expired" }, { claims: { jwe: "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn" } });
    expect(shown.claims().jwe).toBe("eyJ…");
  });

  it("shows claims of any kind, and invalid times", () => {
    const shown = mount(tokens);
    const claims = {
      exp: 1e300,
      nbf: "soon",
      roles: ["a", "b"],
      on: true,
      none: null,
      long: "x".repeat(9000),
    };
    tokens.emit({ type: "refreshed", from: "source" }, { status: "fresh", claims });
    expect(shown.claims()).toMatchObject({
      exp: "1e+300",
      nbf: "soon",
      roles: '["a","b"]',
      on: "true",
      none: "null",
    });
    expect(shown.claims().long).toHaveLength(501);
    expect(shown.text("[role=timer]")).toBe("–never expires");
  });

  it("announces a state to screen readers once", async () => {
    const shown = mount(tokens);
    const changes: unknown[] = [];
    new MutationObserver((records) => changes.push(...records)).observe(
      shown.root.querySelector(".spoken")!,
      {
        childList: true,
        characterData: true,
        subtree: true,
      },
    );
    await advance(10 * SECOND);
    tokens.emit({ type: "refreshing" }, { refreshing: true });
    await advance(SECOND);
    expect(changes).toEqual([]);
    tokens.emit({ type: "refreshed", from: "source" }, { refreshing: false, status: "fresh" });
    expect(shown.spoken()).toBe("The token is fresh.");
    expect(shown.root.querySelector(".spoken")!.getAttribute("role")).toBe("status");
  });
});

describe("where the panel is mounted", () => {
  it("in its container, or above the page", () => {
    const container = document.body.appendChild(document.createElement("main"));
    const tokens = new Shown();
    expect(mount(tokens, { container }).host.hasAttribute("data-floating")).toBe(false);
    expect(container.children).toHaveLength(1);
    expect(mount(tokens).host.hasAttribute("data-floating")).toBe(true);
    expect(document.body.children).toHaveLength(2);
  });

  it("unmounts without a trace, even if called twice, and leaves the others alone", () => {
    vi.useFakeTimers();
    const tokens = new Shown();
    const first = mount(tokens);
    const second = mount(tokens);
    first.stop();
    first.stop();
    expect(tokens.listeners.size).toBe(1);
    expect(document.body.children).toHaveLength(1);
    second.stop();
    expect(tokens.listeners.size).toBe(0);
    expect(document.body.children).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ["no manager", () => mountDevtools(undefined as never), "tokens must be"],
    ["a function", () => mountDevtools((() => "") as never), "tokens must be"],
    ["no snapshot", () => mountDevtools({ subscribe: () => () => {} } as never), "tokens must be"],
    ["a selector", () => mountDevtools(new Shown(), { container: "#id" as never }), "container must be"],
    [
      "a query without a match",
      () => mountDevtools(new Shown(), { container: null as never }),
      "container must",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
    expect(document.body.children).toHaveLength(0);
  });
});
