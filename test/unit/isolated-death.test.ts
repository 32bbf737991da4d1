// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CubeTokenError } from "../../src/index.js";
import { createIsolatedCubeApi, isolatedTokens, type Port, serveCube } from "../../src/isolated/index.js";
import { HELLO } from "../../src/isolated/messages.js";
import { jwt } from "../support/jwt.js";
import "../support/setup.js";

const query = { measures: ["a.b"] };
const rows = { queryType: "regularQuery", results: [{ query: {}, data: [{ "a.b": "1" }], annotation: {} }] };

/** Real turns of the event loop: messages between ports need some, and fake timers do not affect them. */
const turns = async (count = 30) => {
  for (let n = 0; n < count; n++) await new Promise((go) => setImmediate(go));
};
const pass = async (ms: number) => {
  for (let left = ms; left > 0; left -= 500) {
    await vi.advanceTimersByTimeAsync(Math.min(left, 500));
    await turns(5);
  }
};
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** How many of Cube's answers are withheld. */
let hold = 0;
let sent = 0;
let signals: RequestInit["signal"][] = [];
const ends: (() => void)[] = [];

beforeEach(() => {
  hold = sent = 0;
  signals = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  vi.stubGlobal("fetch", async (url: string | URL, init: RequestInit) => {
    if (String(url).endsWith("/token")) return Response.json({ token: jwt({ sub: "ada" }) });
    sent++;
    signals.push(init.signal);
    if (hold-- > 0) return new Promise(() => {});
    return Response.json(rows);
  });
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

type Kind = "serves" | "deaf" | "mute" | "broken" | "throws";

/** A worker as the page sees it. */
class FakeWorker implements Port {
  static made: FakeWorker[] = [];
  terminated = false;
  readonly #events = new EventTarget();
  readonly #inside: Port & EventTarget;
  #stop = () => {};

  constructor(kind: Kind = "serves") {
    FakeWorker.made.push(this);
    this.#inside = Object.assign(new EventTarget(), { postMessage: () => {} });
    if (kind === "serves") {
      this.#stop = serveCube(
        { endpoint: "http://app.test/token", apiUrl: "http://cube.test/v1" },
        this.#inside,
      );
    }
    // It starts and then does nothing: blocked, or killed in an engine that does not report it.
    if (kind === "deaf") {
      this.#inside.addEventListener(
        "message",
        ({ data }: { data?: [string, string, MessagePort] } & Event) => {
          data?.[2].postMessage(["hello", { status: "fresh", refreshing: false }]);
          ends.push(() => data?.[2].close());
        },
      );
    }
    if (kind === "broken") setImmediate(() => this.#events.dispatchEvent(new Event("error")));
    if (kind === "throws") setImmediate(() => this.error());
    ends.push(() => this.#stop());
  }
  // Over a real pair of ports, like a message to a worker.
  postMessage(message: unknown, transfer: Transferable[] = []): void {
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = ({ data }) => {
      port1.close();
      this.#inside.dispatchEvent(Object.assign(new Event("message"), { data }));
    };
    port1.postMessage(message, transfer);
  }
  addEventListener = this.#events.addEventListener.bind(this.#events);
  removeEventListener = this.#events.removeEventListener.bind(this.#events);
  terminate(): void {
    this.terminated = true;
    this.#stop();
  }
  error(): void {
    this.#events.dispatchEvent(Object.assign(new Event("error"), { message: "Uncaught" }));
  }
}

const starting = (...kinds: Kind[]) => {
  FakeWorker.made = [];
  return () => new FakeWorker(kinds.shift());
};

describe("a worker that dies", () => {
  it("is restarted, and pending requests are sent again", async () => {
    hold = 1;
    const api = createIsolatedCubeApi(starting());
    const call = api.load(query);
    await vi.waitFor(() => expect(sent).toBe(1));
    FakeWorker.made[0]!.terminate();
    expect((await call).rawData()).toEqual([{ "a.b": "1" }]);
    expect(FakeWorker.made).toHaveLength(2);
    expect(sent).toBe(2);
    expect((await api.load(query)).rawData()).toHaveLength(1);
    expect(FakeWorker.made).toHaveLength(2);
  });

  it("twice fails the call with a typed error, and the next call starts another", async () => {
    hold = 2;
    const api = createIsolatedCubeApi(starting());
    const call = caught(api.load(query));
    for (const n of [1, 2]) {
      await vi.waitFor(() => expect(sent).toBe(n));
      FakeWorker.made[n - 1]!.terminate();
    }
    const error = await call;
    expect(error).toBeInstanceOf(CubeTokenError);
    expect(error).toMatchObject({
      code: "ERR_TIMEOUT",
      message: "The worker stopped twice during the call. Try again.",
    });
    expect((await api.load(query)).rawData()).toHaveLength(1);
    expect(FakeWorker.made).toHaveLength(3);
  });

  it("and was passed as a Worker ends all calls with a typed error", async () => {
    hold = 1;
    const worker = new FakeWorker();
    const api = createIsolatedCubeApi(worker);
    const call = caught(api.load(query));
    await vi.waitFor(() => expect(sent).toBe(1));
    worker.terminate();
    for (const error of [await call, await caught(api.load(query))]) {
      expect(error).toBeInstanceOf(CubeTokenError);
      expect(error).toMatchObject({
        code: "ERR_DISPOSED",
        message: "The worker has stopped. Pass a function that starts one.",
      });
    }
    await isolatedTokens(worker).clear();
    // A subscription ends as well.
    const callback = vi.fn();
    createIsolatedCubeApi(worker, { pollInterval: 0.01 }).subscribe(query, {}, callback);
    await pass(1000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it.each(["deaf"] as const)("silently is detected while a call is pending: %s", async (kind) => {
    const api = createIsolatedCubeApi(starting(kind));
    const call = api.load(query);
    await turns();
    await pass(4000);
    expect(FakeWorker.made).toHaveLength(1);
    await pass(1000);
    expect((await call).rawData()).toHaveLength(1);
    expect(FakeWorker.made.map(({ terminated }) => terminated)).toEqual([true, false]);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  });

  it("is not confused with a slow one", async () => {
    hold = 1;
    const api = createIsolatedCubeApi(starting());
    const call = caught(api.load(query));
    await turns();
    await pass(120_000);
    expect(FakeWorker.made).toHaveLength(1);
    FakeWorker.made[0]!.terminate();
    expect(await call).toBeUndefined();
  });

  it("is not confused with one whose script throws", async () => {
    const api = createIsolatedCubeApi(starting());
    await api.load(query);
    FakeWorker.made[0]!.error();
    await api.load(query);
    expect(FakeWorker.made).toHaveLength(1);
  });

  it("is not confused with one that throws at its start but serves", async () => {
    const worker = new FakeWorker();
    const api = createIsolatedCubeApi(worker);
    worker.error();
    expect((await api.load(query)).rawData()).toHaveLength(1);
    await pass(10_000);
    expect((await api.load(query)).rawData()).toHaveLength(1);
  });

  it.each([
    ["whose script does not load", "broken", 0],
    ["whose script throws before it calls serveCube()", "throws", 7000],
    ["whose script does not call serveCube()", "mute", 80_000],
  ] as const)("%s is tried twice, and the error says what to check", async (_, kind, time) => {
    const api = createIsolatedCubeApi(starting(kind, kind));
    const call = caught(api.load(query));
    await turns();
    await pass(time);
    expect(await call).toMatchObject({
      code: "ERR_TIMEOUT",
      message: "The worker did not start. Does its script load, and call serveCube()?",
    });
    expect(FakeWorker.made).toHaveLength(2);
    expect((await api.load(query)).rawData()).toHaveLength(1);
  });

  it("and cannot be restarted fails pending calls with that error", async () => {
    let count = 0;
    hold = 1;
    FakeWorker.made = [];
    const api = createIsolatedCubeApi(() => {
      if (count++ % 2) throw new Error("blocked by CSP");
      return new FakeWorker();
    });
    const call = caught(api.load(query));
    await vi.waitFor(() => expect(sent).toBe(1));
    FakeWorker.made[0]!.terminate();
    expect(await call).toMatchObject({ message: "blocked by CSP" });
    expect((await api.load(query)).rawData()).toHaveLength(1);
    FakeWorker.made[1]!.terminate();
    await turns();
    expect(await caught(api.load(query))).toMatchObject({ message: "blocked by CSP" });
  });

  it("is visible in the state, and is restarted for subscribers", async () => {
    const worker = starting();
    const tokens = isolatedTokens(worker);
    expect(FakeWorker.made).toHaveLength(0);
    const states: string[] = [];
    const stop = tokens.subscribe(() => states.push(tokens.getSnapshot().status));
    expect(FakeWorker.made).toHaveLength(1);
    await createIsolatedCubeApi(worker).load(query);
    expect(tokens.getSnapshot().status).toBe("fresh");
    FakeWorker.made[0]!.terminate();
    await turns();
    expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
    expect(states.at(-1)).toBe("empty");
    await pass(1500);
    expect(FakeWorker.made).toHaveLength(2);
    stop();
    FakeWorker.made[1]!.terminate();
    await pass(5000);
    expect(FakeWorker.made).toHaveLength(2);
  });

  it("in the middle of a stream ends it with a typed error; before the first chunk, the stream is restarted", async () => {
    let chunks = 0;
    vi.stubGlobal("fetch", async (url: string | URL) => {
      if (String(url).endsWith("/token")) return Response.json({ token: jwt({ sub: "ada" }) });
      if (sent++ === 0) return new Promise(() => {});
      return new Response(
        new ReadableStream({
          pull: (controller) => {
            if (chunks++) return new Promise(() => {});
            controller.enqueue(new TextEncoder().encode('{"schema":[]}\n'));
            return undefined;
          },
        }),
      );
    });
    const stream = createIsolatedCubeApi(starting()).cubeSqlStream("SELECT 1");
    const first = stream.next();
    await vi.waitFor(() => expect(sent).toBe(1));
    FakeWorker.made[0]!.terminate();
    expect((await first).value).toEqual({ type: "schema", schema: [] });
    const second = caught(stream.next());
    await turns();
    FakeWorker.made[1]!.terminate();
    expect(await second).toMatchObject({ name: "CubeTokenError", code: "ERR_TIMEOUT" });
  });

  it("without pending calls needs no timer", async () => {
    const api = createIsolatedCubeApi(new FakeWorker());
    await api.load(query);
    await turns();
    vi.clearAllTimers();
    expect(vi.getTimerCount()).toBe(0);
    await api.load(query);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a page that leaves a shared worker", () => {
  it("aborts its requests, and repeats them when it returns from the back/forward cache", async () => {
    const page = new EventTarget();
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    const { port1, port2 } = new MessageChannel();
    ends.push(serveCube({ endpoint: "http://app.test/token", apiUrl: "http://cube.test/v1" }, port2), () =>
      port1.close(),
    );
    hold = 1;
    const { signal } = new AbortController();
    const call = createIsolatedCubeApi({ port: port1 }).load(query, { signal });
    await vi.waitFor(() => expect(sent).toBe(1));
    page.dispatchEvent(new Event("pagehide"));
    await vi.waitFor(() => expect(signals[0]!.aborted).toBe(true));
    await turns();
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
    await turns();
    expect(sent).toBe(1);
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    expect((await call).rawData()).toHaveLength(1);
    expect(sent).toBe(2);
  });
});

it("a hello that was not received is repeated when the worker starts to listen", async () => {
  const events = new EventTarget();
  const said: unknown[] = [];
  const worker = {
    postMessage: (message: unknown) => said.push(message),
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  };
  isolatedTokens(worker);
  events.dispatchEvent(Object.assign(new Event("message"), { data: "something else" }));
  expect(said).toHaveLength(1);
  events.dispatchEvent(Object.assign(new Event("message"), { data: HELLO }));
  expect(said).toHaveLength(2);
  for (const [, , port] of said as [string, string, MessagePort][]) port.close();
});
