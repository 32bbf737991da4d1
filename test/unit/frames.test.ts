import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parentTokens, serveFrames } from "../../src/frames/index.js";
import { CubeTokenError, CubeTokenManager } from "../../src/index.js";
import { jwt } from "../support/jwt.js";
import { Provider } from "../support/provider.js";
import { create } from "../support/setup.js";

const HOST = "https://app.example.com";
const FRAME = "https://charts.example.com";

/** A window as others see it: messages arrive if the origin matches. Both ends listen on the one real window. */
function fakeWindow(origin: string, members: object = {}) {
  const posted: unknown[] = [];
  const it = {
    ...members,
    origin,
    posted,
    closed: false,
    /** The source of messages that arrive. */
    peer: undefined as unknown,
    postMessage(data: unknown, target: string, ports: MessagePort[] = []) {
      if (target !== it.origin) return;
      posted.push(data);
      arrive(structuredClone(data), it.peer, ports);
    },
  };
  return it;
}
type Fake = ReturnType<typeof fakeWindow>;

function arrive(data: unknown, source: unknown, ports: MessagePort[] = []) {
  const { origin } = (source ?? {}) as Fake;
  queueMicrotask(() => dispatchEvent(Object.assign(new Event("message"), { data, origin, source, ports })));
}

let host: Fake;
let frame: Fake;
let tokens: Provider;
const stops: (() => void)[] = [];

beforeEach(() => {
  tokens = new Provider();
  host = fakeWindow(HOST);
  frame = fakeWindow(FRAME, { parent: window });
  // Messages of the frame to its host come from the frame, and vice versa.
  host.peer = frame;
  frame.peer = host;
  vi.stubGlobal("parent", host);
  vi.stubGlobal("self", { origin: FRAME });
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const serve = (...args: Parameters<typeof serveFrames>) => {
  const stop = serveFrames(...args);
  stops.push(stop);
  return stop;
};
const context = (rejectedToken?: string) => ({
  signal: new AbortController().signal,
  ...(rejectedToken !== undefined && { rejectedToken }),
});
const ask = (rejectedToken?: string) => parentTokens({ origin: HOST })(context(rejectedToken));
const turn = () => new Promise((go) => setTimeout(go, 20));

describe("origins", () => {
  it.each([
    "*",
    "https://*",
    "https://*.example.com",
    "https://{a,b}.example.com",
    "https://(a|b).example.com",
    "https://example.com/",
    "https://example.com/path",
    "https://example.com?x",
    "https://example.com#x",
    "https://user@example.com",
    "https://example.com:443",
    "https://EXAMPLE.com",
    " https://example.com",
    "//example.com",
    "example.com",
    "/",
    "",
    "null",
    "about:blank",
    "data:,x",
    "file:///x",
    null,
    undefined,
    1,
    /example/,
    new URL("https://example.com"),
    ["https://example.com"],
  ])("%s is refused with a TypeError", (origin) => {
    expect(() => serveFrames(tokens, { origins: [HOST, origin as never] })).toThrow(TypeError);
    expect(() => serveFrames(tokens, { origins: [origin as never] })).toThrow("is not an exact origin");
    expect(() => parentTokens({ origin: origin as never })).toThrow(TypeError);
    expect(tokens.listeners.size).toBe(0);
  });

  it.each(["https://example.com", "http://localhost:3000", "http://127.0.0.1:1", "http://[::1]:8080"])(
    "%s is one",
    (origin) => {
      serve(tokens, { origins: [origin] });
      expect(parentTokens({ origin })).toBeTypeOf("function");
    },
  );

  it.each([
    undefined,
    null,
    {},
    { origins: null },
    { origins: {} },
    { origins: [[HOST]] },
    { origins: [HOST], origin: HOST },
  ])("serveFrames(tokens, %j): a TypeError", (options) => {
    expect(() => serveFrames(tokens, options as never)).toThrow(TypeError);
  });

  it.each([
    undefined,
    null,
    {},
    { origin: HOST, timeout: 0 },
    { origin: HOST, timeout: -1 },
    { origin: HOST, timeout: Number.NaN },
    { origin: HOST, timeout: "1" },
    { origin: HOST, timeOut: 1 },
  ])("parentTokens(%j): a TypeError", (options) => {
    expect(() => parentTokens(options as never)).toThrow(TypeError);
  });

  it.each([undefined, null, {}, "token", { getToken() {}, invalidate() {} }])(
    "serveFrames(%j): a TypeError",
    (wrong) => {
      expect(() => serveFrames(wrong as never, { origins: [FRAME] })).toThrow(
        new TypeError("serveFrames: tokens must be a CubeTokenManager."),
      );
    },
  );
});

describe("a frame", () => {
  it("gets the host's token, over a port", async () => {
    serve(tokens, { origins: [FRAME] });
    expect(await ask()).toBe("t1");
    expect(JSON.stringify([...host.posted, ...frame.posted])).not.toContain("t1");
  });

  it("asks again until the host serves", async () => {
    const token = ask();
    await new Promise((go) => setTimeout(go, 150));
    serve(tokens, { origins: [FRAME] });
    expect(await token).toBe("t1");
    expect(host.posted.length).toBe(3);
  });

  it("has the host invalidate what Cube has refused", async () => {
    serve(tokens, { origins: [FRAME] });
    expect(await ask("t1")).toBe("t2");
    expect(await ask("t1")).toBe("t2");
    expect(tokens.invalidated).toEqual(["t1", "t1"]);
  });

  it("receives the lifetime of a token that does not contain it", async () => {
    const opaque = create({ fetchToken: async () => ({ token: "opaque", expires_in: 300 }) });
    serve(opaque, { origins: [FRAME] });
    const answer = (await ask()) as { token: string; expires_in: number };
    expect(answer.token).toBe("opaque");
    expect(answer.expires_in).toBeGreaterThan(298);
    expect(answer.expires_in).toBeLessThanOrEqual(300);
  });

  it("gets the token of the manager for its origin, or none", async () => {
    const other = new Provider();
    other.serial = 7;
    serve((origin) => (origin === FRAME ? other : undefined), { origins: [FRAME, "https://other.example"] });
    expect(await ask()).toBe("t7");
    frame.origin = "https://other.example";
    await expect(ask()).rejects.toMatchObject({ code: "ERR_FORBIDDEN" });
  });

  it.each<[unknown, object]>([
    [
      new CubeTokenError("ERR_HTTP_STATUS", "The endpoint /secret said no.", {
        status: 503,
        retryAfter: 2000,
      }),
      { code: "ERR_HTTP_STATUS", status: 503, retryAfter: 2000 },
    ],
    [new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in."), { code: "ERR_UNAUTHENTICATED" }],
    [new CubeTokenError("ERR_CLEARED", "Signed out."), { code: "ERR_UNAUTHENTICATED" }],
    [new CubeTokenError("ERR_DISPOSED", "Disposed."), { code: "ERR_UNAUTHENTICATED" }],
  ])("gets the host's failure by its code alone: %s", async (failure, expected) => {
    tokens.failure = failure;
    serve(tokens, { origins: [FRAME] });
    const error = await ask().catch((error) => error);
    expect(error).toBeInstanceOf(CubeTokenError);
    expect(error).toMatchObject(expected);
    expect(error.message).not.toContain("secret");
  });

  it("a bug of the host is reported there, and the frame may retry", async () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    serve(() => ({}) as never, { origins: [FRAME] });
    await expect(ask()).rejects.toMatchObject({ code: "ERR_SOURCE" });
    expect(reported).toHaveBeenCalledWith(expect.any(TypeError));
  });

  it("without an answer, ERR_TIMEOUT says what to check", async () => {
    vi.useFakeTimers();
    const answer = ask().catch((error) => error);
    await vi.advanceTimersByTimeAsync(8999);
    serve(tokens, { origins: ["https://other.example"] });
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringContaining(`serveFrames() for "${FRAME}"`),
    });
    // At growing intervals.
    expect(host.posted.length).toBe(7);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(host.posted.length).toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("outside a frame, without an origin or on a server: ERR_UNAUTHENTICATED at once", async () => {
    vi.stubGlobal("self", { origin: "null" });
    await expect(ask()).rejects.toMatchObject({
      code: "ERR_UNAUTHENTICATED",
      message: expect.stringContaining("allow-same-origin"),
    });
    vi.stubGlobal("parent", window);
    await expect(ask()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    vi.stubGlobal("window", undefined);
    await expect(ask()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
  });

  it("an aborted signal ends the request, and leaves nothing behind", async () => {
    vi.useFakeTimers();
    const removed = vi.spyOn(globalThis, "removeEventListener");
    const controller = new AbortController();
    const answer = parentTokens({ origin: HOST })({ signal: controller.signal }).catch((error) => error);
    controller.abort();
    expect(await answer).toMatchObject({ code: "ERR_ABORTED" });
    const late = parentTokens({ origin: HOST })({ signal: controller.signal });
    await expect(late).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(host.posted).toHaveLength(1);
    expect(removed).toHaveBeenCalledWith("message", expect.any(Function));
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("strangers get nothing", () => {
  const note = { cubeToken: "ask", id: 1 };
  let getToken: ReturnType<typeof vi.spyOn>;
  let channels: ReturnType<typeof vi.fn>;
  beforeEach(() => {
    getToken = vi.spyOn(tokens, "getToken");
    channels = vi.fn();
    vi.stubGlobal("MessageChannel", channels);
    serve(tokens, { origins: [FRAME] });
  });
  afterEach(() => {
    expect(frame.posted).toEqual([]);
    expect(getToken).not.toHaveBeenCalled();
    expect(channels).not.toHaveBeenCalled();
    expect(tokens.invalidated).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ["of another origin", () => fakeWindow("https://evil.example", { parent: window })],
    ["of an origin with the same beginning", () => fakeWindow(`${FRAME}.evil.example`, { parent: window })],
    ["on another port", () => fakeWindow(`${FRAME}:8443`, { parent: window })],
    ["without an origin", () => fakeWindow("null", { parent: window })],
    ["a popup or an opener", () => Object.assign(fakeWindow(FRAME), { parent: fakeWindow(FRAME) })],
    ["a frame of a frame", () => fakeWindow(FRAME, { parent: frame })],
    ["a port or a worker", () => ({ origin: FRAME, postMessage() {} })],
    ["nobody", () => null],
  ])("%s", async (_, make) => {
    const stranger = make() as Fake | null;
    const port = { postMessage: vi.fn() };
    arrive(note, stranger, [port as never]);
    arrive({ ...note, origin: FRAME, source: "frame", rejectedToken: "t1" }, stranger);
    await turn();
    expect(stranger?.posted ?? []).toEqual([]);
    expect(port.postMessage).not.toHaveBeenCalled();
  });

  it("the page itself", async () => {
    vi.stubGlobal("parent", window);
    const event = new Event("message");
    dispatchEvent(Object.assign(event, { data: note, origin: FRAME, source: window, ports: [] }));
    await turn();
  });

  it.each([
    null,
    undefined,
    "ask",
    1,
    {},
    [],
    { cubeToken: "port" },
    { cubeToken: ["ask"] },
    { type: "ask" },
    { cubeToken: "ask" },
    { cubeToken: "ask", id: "1" },
    { cubeToken: "ask", id: { id: 1 } },
  ])("a frame that sends %j", async (data) => {
    arrive(data, frame);
    await turn();
  });

  it("not even with 10,000 messages", async () => {
    const stranger = fakeWindow("https://evil.example", { parent: window });
    for (let n = 0; n < 10_000; n++) arrive(note, stranger);
    await turn();
    expect(stranger.posted).toEqual([]);
  });
});

describe("a frame accepts", () => {
  it.each<[string, () => unknown]>([
    ["another origin", () => fakeWindow("https://evil.example")],
    ["another window of the host's origin", () => fakeWindow(HOST)],
    ["a page of another origin around it", () => Object.assign(host, { origin: "https://evil.example" })],
    ["nobody", () => null],
  ])("nothing of %s", async (_, make) => {
    const fetchToken = parentTokens({ origin: HOST, timeout: 60 });
    const cleared = vi.fn();
    const stop = fetchToken.onSignOut(cleared);
    const answer = fetchToken(context());
    const { id } = host.posted[0] as { id: number };
    const source = make();
    const { port1, port2 } = new MessageChannel();
    port1.postMessage({ token: "theirs" });
    arrive({ cubeToken: "port", id }, source, [port2]);
    arrive({ cubeToken: "cleared" }, source);
    await expect(answer).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    expect(cleared).not.toHaveBeenCalled();
    stop();
    port1.close();
  });

  it("no message without a port: it keeps asking", async () => {
    serve(tokens, { origins: [FRAME] });
    const answer = ask();
    const { id } = host.posted[0] as { id: number };
    arrive({ cubeToken: "port", id }, host);
    expect(await answer).toBe("t1");
  });

  it.each([null, undefined, "x", 1, {}])("no empty reply, and may retry: %j", async (reply) => {
    const answer = ask();
    const { id } = host.posted[0] as { id: number };
    const { port1, port2 } = new MessageChannel();
    arrive({ cubeToken: "port", id }, host, [port2]);
    port1.postMessage(reply);
    await expect(answer).rejects.toMatchObject({ name: "CubeTokenError", code: "ERR_SOURCE" });
    port1.close();
  });

  it("no port for another request", async () => {
    const answer = ask();
    const { id } = host.posted[0] as { id: number };
    for (const [its, token] of [
      [id + 1, "other"],
      [id, "ours"],
    ] as const) {
      const { port1, port2 } = new MessageChannel();
      arrive({ cubeToken: "port", id: its }, host, [port2]);
      port1.postMessage({ token });
      await turn();
    }
    expect(await answer).toBe("ours");
  });
});

describe("a sign-out of the host", () => {
  const signIn = () => jwt({ iat: Date.now() / 1000, exp: Date.now() / 1000 + 300, n: Math.random() });
  const make = () => {
    const events: string[] = [];
    const manager = create({ fetchToken: parentTokens({ origin: HOST }) });
    manager.subscribe(({ type }) => events.push(type));
    return { manager, events };
  };

  it("signs out the frame's manager, which gets no token until the host has a new one", async () => {
    const source = vi.fn(async () => signIn());
    const own = create({ fetchToken: source });
    serve(own, { origins: [FRAME] });
    const { manager, events } = make();
    const token = await manager.getToken();
    expect(token).toBe(await own.getToken());
    await own.clear();
    await turn();
    expect(events).toContain("cleared");
    expect(manager.getSnapshot().status).toBe("empty");
    // Although the source would return one.
    await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    expect(source).toHaveBeenCalledTimes(1);
    const next = await own.getToken();
    expect(await manager.getToken({ forceRefresh: true })).toBe(next);
    await own.clear();
    await turn();
    expect(events.filter((type) => type === "cleared")).toHaveLength(2);
  });

  it("at the last moment: no late answer returns a token", async () => {
    tokens.gate = turn()
      .then(turn)
      .then(() => {});
    serve(tokens, { origins: [FRAME] });
    const answer = ask();
    await turn();
    tokens.emit({ type: "cleared" } as never);
    await expect(answer).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
  });

  it("reaches only frames of that manager, and none that has been closed or navigated", async () => {
    const other = new Provider();
    serve((origin) => (origin === FRAME ? tokens : other), { origins: [FRAME, "https://other.example"] });
    await ask();
    const second = fakeWindow("https://other.example", { parent: window });
    second.peer = host;
    host.peer = second;
    await ask();
    const before = [frame.posted.length, second.posted.length];
    other.emit({ type: "cleared" } as never);
    expect([frame.posted.length, second.posted.length]).toEqual([before[0], before[1]! + 1]);
    frame.origin = "https://evil.example";
    tokens.emit({ type: "cleared" } as never);
    expect(frame.posted.length).toBe(before[0]);
  });

  it.each(["before", "after"])(
    "reaches a frame that asked %s serveFrames() was called again, as by an effect",
    async (when) => {
      const own = create({ fetchToken: async () => signIn() });
      const first = serve(own, { origins: [FRAME] });
      const { manager, events } = make();
      if (when === "before") await manager.getToken();
      first();
      serve(own, { origins: [FRAME] });
      if (when === "after") await manager.getToken();
      await turn();
      await own.clear();
      await turn();
      expect(events.filter((type) => type === "cleared")).toHaveLength(1);
    },
  );

  it("reaches the frames right after serving has ended, as when React changes the user", async () => {
    const own = create({ fetchToken: async () => signIn() });
    const stop = serve(own, { origins: [FRAME] });
    const { manager, events } = make();
    await manager.getToken();
    stop();
    own.clear();
    own.dispose();
    await turn();
    expect(events).toContain("cleared");
  });

  it("holds when serveFrames() is called again, until the host has a token", async () => {
    const source = vi.fn(async () => signIn());
    const own = create({ fetchToken: source });
    const first = serve(own, { origins: [FRAME] });
    await ask();
    await own.clear();
    first();
    const second = serve(own, { origins: [FRAME] });
    await expect(ask()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    expect(source).toHaveBeenCalledTimes(1);
    second();
    await turn();
    const token = await own.getToken();
    serve(own, { origins: [FRAME] });
    expect(await ask()).toMatchObject({ token });
  });

  it("keeps nothing of a closed frame", async () => {
    serve(tokens, { origins: [FRAME] });
    await ask();
    const posted = frame.posted.length;
    frame.closed = true;
    const second = fakeWindow(FRAME, { parent: window });
    second.peer = host;
    host.peer = second;
    await ask();
    tokens.emit({ type: "cleared" } as never);
    expect(frame.posted.length).toBe(posted);
    expect(second.posted.at(-1)).toEqual({ cubeToken: "cleared" });
  });

  it("a disposed manager of a frame no longer listens", async () => {
    serve(tokens, { origins: [FRAME] });
    const manager = new CubeTokenManager({
      fetchToken: Object.assign(async () => signIn(), {
        onSignOut: (listener: () => void) => {
          tokens.listeners.add(listener);
          return () => void tokens.listeners.delete(listener);
        },
      }),
    });
    const before = tokens.listeners.size;
    await manager.getToken();
    expect(tokens.listeners.size).toBe(before + 1);
    manager.dispose();
    expect(tokens.listeners.size).toBe(before);
  });
});

describe("the end of serveFrames", () => {
  it("gives no frame a token, and stops listening", async () => {
    const stop = serve(tokens, { origins: [FRAME] });
    await ask();
    tokens.gate = turn().then(() => {});
    const late = ask();
    await Promise.resolve();
    stop();
    // Not "signed out": serving may start again.
    await expect(late).rejects.toMatchObject({ code: "ERR_SOURCE" });
    await turn();
    expect(tokens.listeners.size).toBe(0);
    const answer = parentTokens({ origin: HOST, timeout: 30 })(context());
    await expect(answer).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    serve(tokens, { origins: [FRAME] });
    expect(await ask()).toBe("t1");
  });
});
