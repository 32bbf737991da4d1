// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CubeTokenError, customStorage, memoryStorage } from "../../src/index.js";
import { readAsk } from "../../src/isolated/ask.js";
import {
  createIsolatedCubeApi,
  isolatedTokens,
  type Port,
  type ServeCubeOptions,
  serveCube,
} from "../../src/isolated/index.js";
import { HELLO } from "../../src/isolated/messages.js";
import { serve } from "../../src/isolated/serve.js";
import { jwt } from "../support/jwt.js";
import { Provider } from "../support/provider.js";
import "../support/setup.js";

const query = { measures: ["a.b"] };
const rows = { queryType: "regularQuery", results: [{ query: {}, data: [{ "a.b": "1" }], annotation: {} }] };
const apiUrl = "http://cube.test/v1";
const endpoint = "http://app.test/token";

/** Real turns of the event loop: messages between ports need some, and fake timers do not affect them. */
const turns = async (count = 30) => {
  for (let n = 0; n < count; n++) await new Promise((go) => setImmediate(go));
};
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

let serial = 0;
let issued: string[] = [];
/** What was sent to Cube. */
let asked: { url: string; init: RequestInit & { headers: Record<string, string> } }[] = [];
let answer: (url: string, init: RequestInit) => Response | Promise<Response>;

const ends: (() => void)[] = [];

beforeEach(() => {
  issued = [];
  asked = [];
  answer = () => Response.json(rows);
  vi.stubGlobal("fetch", async (url: string | URL, init: RequestInit) => {
    if (String(url) === endpoint) {
      const now = Math.floor(Date.now() / 1000);
      const token = jwt({ sub: "ada", n: serial++, iat: now, exp: now + 600 });
      issued.push(token);
      return Response.json({ token });
    }
    asked.push({ url: String(url), init: init as never });
    init.signal?.throwIfAborted();
    return Promise.race([
      answer(String(url), init),
      new Promise<never>((_, reject) =>
        init.signal?.addEventListener("abort", () => reject(init.signal!.reason)),
      ),
    ]);
  });
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A worker as its page sees it: `said` is everything that it has ever posted. */
function startWorker(options: Partial<ServeCubeOptions> = {}) {
  const { port1, port2 } = new MessageChannel();
  const said: unknown[] = [];
  const bodies: ArrayBuffer[] = [];
  const listen = (port: MessagePort) => {
    const post = port.postMessage.bind(port);
    port.postMessage = (message: unknown, transfer: never) => {
      said.push(message);
      post(message, transfer);
      const body = (message as [string, number, { body?: unknown }])[2]?.body;
      if (body instanceof ArrayBuffer) bodies.push(body);
    };
  };
  listen(port2);
  // The port that a page sends along.
  const scope: Port = {
    postMessage: (message) => port2.postMessage(message),
    addEventListener: (type, listener) =>
      port2.addEventListener(type, (event) => {
        const { data } = event as MessageEvent;
        if (data?.[2] instanceof MessagePort) listen(data[2]);
        listener(event as never);
      }),
    removeEventListener: () => {},
    start: () => port2.start(),
  };
  const stop = serveCube({ endpoint, apiUrl, ...options } as ServeCubeOptions, scope);
  const end = () => {
    stop();
    port1.close();
  };
  ends.push(end);
  return { worker: port1, said, bodies, end };
}

const bytes = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => {
    if (inner instanceof ArrayBuffer || ArrayBuffer.isView(inner)) return new TextDecoder().decode(inner);
    return inner instanceof MessagePort ? "port" : inner;
  }) ?? "";

describe("requests that a page may send to Cube", () => {
  it.each(["load", "subscribe", "sql", "meta", "dry-run", "cubesql"])("%s", (method) => {
    expect(readAsk(method, '{"query":{}}')).toEqual({ method, params: { query: {} } });
  });

  it.each([
    "",
    "Load",
    "load/",
    "load?x=1",
    "load#",
    "../load",
    "..",
    "load\r\nX: y",
    "//evil.test/load",
    "https://evil.test",
    "@evil.test",
    ".evil.test/load",
    "pre-aggregations/jobs",
    "run-scheduled-refresh",
    "toString",
    "__proto__",
    "constructor",
    1,
    null,
    undefined,
    ["load"],
    { toString: () => "load" },
  ])("not %j", (method) => {
    expect(() => readAsk(method, "{}")).toThrow(
      new TypeError(
        "The worker sends only these requests to Cube: load, subscribe, sql, meta, dry-run, cubesql.",
      ),
    );
  });

  it.each(["[]", "null", "1", '"x"', "{", undefined, null, {}, { query: 1 }])(
    "not with parameters like %j",
    (json) => {
      expect(() => readAsk("load", json)).toThrow();
    },
  );

  it.each(["PUT", "DELETE", "get", "POST\r\nX: y", 1, null, {}, ["GET"]])(
    "not with an HTTP method like %j",
    (method) => {
      expect(() => readAsk("load", JSON.stringify({ method }))).toThrow(
        "A request to Cube must be GET or POST.",
      );
    },
  );

  it.each(["", "a\r\nAuthorization: b", "a\nb", "a\0", "ä", "x".repeat(257), 1, null, {}])(
    "not with a request id like %j",
    (baseRequestId) => {
      expect(() => readAsk("load", JSON.stringify({ baseRequestId }))).toThrow(/baseRequestId/);
    },
  );

  it("only with a positive fetchTimeout", () => {
    for (const fetchTimeout of [0, -1, "5", null, {}, true]) {
      expect(readAsk("load", JSON.stringify({ fetchTimeout }))).toEqual({ method: "load", params: {} });
    }
    expect(readAsk("load", '{"fetchTimeout":1e300}').params.fetchTimeout).toBe(2 ** 31 - 1);
    expect(readAsk("load", '{"fetchTimeout":5}').params.fetchTimeout).toBe(5);
  });

  it("and neither members of the transport nor a prototype arrive as data", () => {
    const { params } = readAsk(
      "load",
      '{"signal":{"aborted":true},"__proto__":{"method":"PUT"},"headers":{"a":1}}',
    );
    expect(params.signal).toBeUndefined();
    expect(params.method).toBeUndefined();
    expect(Object.getPrototypeOf(params)).toBe(Object.prototype);
    // A parameter like any other.
    expect(params.headers).toEqual({ a: 1 });
  });
});

describe("serveCube", () => {
  const port = () => new MessageChannel().port2;
  const other = customStorage({ getItem: () => null, setItem() {}, removeItem() {}, shared: false } as never);

  it("refuses another storage, and says why", () => {
    for (const storage of [other, {}, { shared: false }, "memory", null]) {
      expect(() => serveCube({ endpoint, apiUrl, storage: storage as never }, port())).toThrow(
        new TypeError(
          "serveCube keeps the token in memory only: scripts in the page could read any other storage. Remove the storage option.",
        ),
      );
    }
    ends.push(serveCube({ endpoint, apiUrl, storage: memoryStorage() }, port()));
  });

  it.each([
    ["nothing at all", undefined, /apiUrl or transport/],
    ["nowhere to ask", { endpoint }, /apiUrl or transport/],
    ["no source", { apiUrl }, /exactly one/i],
    ["an unknown option", { endpoint, apiUrl, nonsense: 1 }, /nonsense/],
    [
      "a header that would replace the token",
      { endpoint, apiUrl, headers: { authorization: "x" } },
      /authorization/,
    ],
    ["an invalid transport", { endpoint, transport: {} }, /request\(\)/],
  ])("says what is wrong: %s", (_, options, message) => {
    expect(() => serveCube(options as never, port())).toThrow(message);
    expect(() => serveCube(options as never, port())).toThrow(TypeError);
  });

  it("throws outside a worker", () => {
    expect(() => serveCube({ endpoint, apiUrl })).toThrow(
      new TypeError("serveCube must be called in a Worker or a SharedWorker."),
    );
  });

  it("serves every page of a shared worker", async () => {
    const { port1: first, port2: one } = new MessageChannel();
    const { port1: second, port2: two } = new MessageChannel();
    const scope = Object.assign(new EventTarget(), { onconnect: null }) as unknown as Port & EventTarget;
    ends.push(
      serveCube({ endpoint, apiUrl }, scope),
      () => first.close(),
      () => second.close(),
    );
    for (const each of [one, two])
      scope.dispatchEvent(Object.assign(new Event("connect"), { ports: [each] }));
    const pages = [first, second].map((each) => createIsolatedCubeApi({ port: each }));
    await Promise.all(pages.map((page) => page.load(query)));
    expect(issued.length).toBe(1);
    expect(asked.length).toBe(2);
  });

  it("distinguishes the page that signs out from the others of a shared worker", async () => {
    const scope = Object.assign(new EventTarget(), { onconnect: null }) as unknown as Port & EventTarget;
    ends.push(serveCube({ endpoint, apiUrl }, scope));
    const told: string[] = [];
    const [here, there] = ["here", "there"].map((name) => {
      const { port1, port2 } = new MessageChannel();
      ends.push(() => port1.close());
      scope.dispatchEvent(Object.assign(new Event("connect"), { ports: [port2] }));
      const page = { port: port1 };
      const tokens = isolatedTokens(page);
      tokens.subscribe((event) => event.type === "cleared" && told.push(`${name}: ${event.from}`));
      return { tokens, api: createIsolatedCubeApi(page) };
    });
    for (const [page, expected] of [
      [here, ["here: here", "there: tab"]],
      [there, ["here: tab", "there: here"]],
    ] as const) {
      await Promise.all([here!.api.load(query), there!.api.load(query)]);
      await page!.tokens.clear();
      await turns();
      expect(told.splice(0).sort()).toEqual(expected);
    }
  });

  it("serves a page that connected before it", async () => {
    const { port1, port2 } = new MessageChannel();
    const call = createIsolatedCubeApi(port1).load(query);
    // A worker's scope drops messages until there is a listener; a port keeps them.
    const lost = vi.fn();
    port2.onmessage = lost;
    await turns();
    expect(lost).toHaveBeenCalledTimes(1);
    port2.onmessage = null;
    ends.push(serveCube({ endpoint, apiUrl }, port2), () => port1.close());
    expect((await call).rawData()).toEqual([{ "a.b": "1" }]);
    expect(asked.length).toBe(1);
  });
});

describe("the page", () => {
  it.each([undefined, null, {}, "worker.js", 1, { port: {} }])(
    "says what to pass as the worker: %j",
    (wrong) => {
      for (const take of [createIsolatedCubeApi, isolatedTokens]) {
        expect(() => take(wrong as never)).toThrow(
          new TypeError(`${take.name}: pass a Worker, a SharedWorker, or a function that starts one.`),
        );
      }
    },
  );

  it.each([
    "apiUrl",
    "headers",
    "method",
    "credentials",
    "transport",
    "fetchTimeout",
    "isRejected",
    "nonsense",
  ])("cannot set %s", (name) => {
    const { worker } = startWorker();
    expect(() => createIsolatedCubeApi(worker, { [name]: "x" })).toThrow(
      new TypeError(`createIsolatedCubeApi: "${name}" is set in the worker. Pass it to serveCube().`),
    );
  });

  it("gets rows over one connection, with one token", async () => {
    const { worker, said, bodies } = startWorker();
    const api = createIsolatedCubeApi(worker);
    const results = await Promise.all(Array.from({ length: 20 }, () => api.load(query)));
    for (const result of results) expect(result.rawData()).toEqual([{ "a.b": "1" }]);
    expect(issued.length).toBe(1);
    expect(asked[0]!.init.headers.Authorization).toBe(issued[0]);
    // The bodies are transferred, not copied.
    expect(bodies.map(({ byteLength }) => byteLength)).toEqual(Array(20).fill(0));
    expect(bytes(said)).not.toContain(issued[0]!.slice(0, 20));
  });

  it("follows the state", async () => {
    const { worker } = startWorker();
    const tokens = isolatedTokens(worker);
    const events: string[] = [];
    const stop = tokens.subscribe(({ type }) => events.push(type));
    expect(tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
    const before = tokens.getSnapshot();
    await createIsolatedCubeApi(worker).load(query);
    const snapshot = tokens.getSnapshot();
    expect(snapshot).toMatchObject({ status: "fresh", claims: { sub: "ada" } });
    expect(snapshot).not.toBe(before);
    expect(tokens.getSnapshot()).toBe(snapshot);
    expect(Object.isFrozen(snapshot)).toBe(true);
    expect(events).toContain("refreshed");
    tokens.invalidate();
    await turns();
    expect(tokens.getSnapshot().status).toBe("expired");
    await createIsolatedCubeApi(worker).load(query);
    expect(issued.length).toBe(2);
    await tokens.clear();
    expect(tokens.getSnapshot().status).toBe("empty");
    expect(events).toContain("cleared");
    stop();
    events.length = 0;
    await createIsolatedCubeApi(worker).load(query);
    expect(events).toEqual([]);
    expect(tokens).not.toHaveProperty("getToken");
  });

  it("keeps the same snapshot until something changes", async () => {
    const state = { status: "empty", refreshing: false } as const;
    const provider = Object.assign(new Provider(), { getSnapshot: () => state });
    const { port1, port2 } = new MessageChannel();
    ends.push(serve(port2, { transport: {} as never, tokens: provider, scrub: (text) => text }), () =>
      port1.close(),
    );
    const tokens = isolatedTokens(port1);
    const listener = vi.fn();
    tokens.subscribe(listener);
    await turns();
    const before = tokens.getSnapshot();
    provider.emit({ type: "refreshed", from: "source" });
    await turns();
    expect(listener).toHaveBeenCalledExactlyOnceWith({ type: "refreshed", from: "source" });
    expect(tokens.getSnapshot()).toBe(before);
  });

  it("has one connection, the later one, if it connects twice", async () => {
    const { worker } = startWorker();
    const heard: string[] = [];
    const hello = () => {
      const { port1, port2 } = new MessageChannel();
      ends.push(() => port1.close());
      worker.postMessage([HELLO, "same", port2], [port2]);
      return port1;
    };
    const ports = [hello(), hello()];
    for (const [index, port] of ports.entries()) {
      port.onmessage = ({ data }) => heard.push(`${index} ${data[0]}`);
    }
    await turns();
    heard.length = 0;
    for (const port of ports) port.postMessage(["ping"]);
    await turns();
    expect(heard).toEqual(["1 pong"]);
  });

  it("receives errors with their class and fields, but without a cause", async () => {
    const cause = { headers: { authorization: "secret" } };
    const { worker, said } = startWorker({
      endpoint: undefined,
      fetchToken: async () => {
        throw new CubeTokenError("ERR_HTTP_STATUS", "Why.", { status: 404, retryAfter: 7, cause });
      },
      retries: 0,
    } as never);
    const tokens = isolatedTokens(worker);
    const seen: unknown[] = [];
    tokens.subscribe((event) => "error" in event && seen.push(event.error));
    const error = await caught(createIsolatedCubeApi(worker).load(query));
    for (const each of [error, seen[0], tokens.getSnapshot().error]) {
      expect(each).toBeInstanceOf(CubeTokenError);
      expect(each).toMatchObject({ code: "ERR_HTTP_STATUS", message: "Why.", status: 404, retryAfter: 7 });
      expect((each as Error).cause).toBeUndefined();
    }
    expect(bytes(said)).not.toContain("secret");
  });

  it("has listeners that do not affect each other", async () => {
    const { worker } = startWorker();
    const tokens = isolatedTokens(worker);
    const thrown: unknown[] = [];
    const handlers = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => thrown.push(error));
    const second = vi.fn();
    const stop = tokens.subscribe(() => {
      throw new Error("mine");
    });
    tokens.subscribe(second);
    await createIsolatedCubeApi(worker).load(query);
    stop();
    await vi.waitFor(() => expect(thrown.length).toBe(second.mock.calls.length));
    process.removeAllListeners("uncaughtException");
    for (const handler of handlers) process.on("uncaughtException", handler);
    expect(second).toHaveBeenCalled();
  });

  it("aborts with its signal, before and after the worker has connected", async () => {
    answer = () => new Promise(() => {});
    const { worker } = startWorker();
    const api = createIsolatedCubeApi(worker);
    expect(await caught(api.load(query, { signal: AbortSignal.abort() }))).toMatchObject({
      message: "aborted",
    });
    expect(asked.length).toBe(0);
    const controller = new AbortController();
    const call = caught(api.load(query, { signal: controller.signal }));
    await vi.waitFor(() => expect(asked.length).toBe(1));
    controller.abort();
    expect(await call).toMatchObject({ message: "aborted" });
    // The worker's own request is aborted too.
    await vi.waitFor(() => expect(asked[0]!.init.signal!.aborted).toBe(true));
    const ofAll = new AbortController();
    const other = createIsolatedCubeApi(worker, { signal: ofAll.signal });
    const second = caught(other.load(query));
    ofAll.abort();
    expect(await second).toMatchObject({ message: "aborted" });
  });

  it("reads a stream as it arrives, and ends it", async () => {
    const lines = ['{"schema":[]}\n', '{"data":[["1"]]}\n', '{"data":[["2"]]}\n'];
    let cancelled = false;
    answer = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            const line = lines.shift();
            if (line) controller.enqueue(new TextEncoder().encode(line));
          },
          cancel() {
            cancelled = true;
          },
        }),
      );
    const { worker } = startWorker();
    const seen: unknown[] = [];
    const controller = new AbortController();
    const options = { signal: controller.signal };
    for await (const chunk of createIsolatedCubeApi(worker).cubeSqlStream("SELECT 1", options)) {
      seen.push(chunk);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([
      { type: "schema", schema: [] },
      { type: "data", data: [["1"]] },
      { type: "data", data: [["2"]] },
    ]);
    await vi.waitFor(() => expect(asked[0]!.init.signal!.aborted).toBe(true));
    expect(cancelled).toBe(false);
  });

  it("gets an error if the worker's transport cannot stream", async () => {
    const transport = { request: () => ({ subscribe: async () => null }) };
    const { worker } = startWorker({ apiUrl: undefined, transport } as never);
    const stream = createIsolatedCubeApi(worker).cubeSqlStream("SELECT 1");
    expect(await caught(stream.next())).toMatchObject({ message: "Transport does not support streaming" });
  });
});

describe("an error message never reveals a token to the page", () => {
  it("if Cube's server quotes it", async () => {
    answer = (_, init) => {
      const { Authorization } = init.headers as Record<string, string>;
      return Response.json(
        { error: `no such token: ${Authorization} ${encodeURIComponent(Authorization!)}` },
        { status: 500 },
      );
    };
    const { worker, said } = startWorker();
    const error = await caught(createIsolatedCubeApi(worker).load(query));
    expect(error).toMatchObject({ status: 500, message: "no such token: [token] [token]" });
    expect(bytes(said)).not.toContain(issued[0]!);
  });

  it("if Cube's server quotes a part of it", async () => {
    answer = (_, init) => {
      const { Authorization } = init.headers as Record<string, string>;
      const [header, claims, signature] = Authorization!.split(".");
      return Response.json({ error: `${header}… ${claims} ${signature}` }, { status: 500 });
    };
    const { worker, said } = startWorker();
    const error = await caught(createIsolatedCubeApi(worker).load(query));
    expect(error).toMatchObject({ status: 500, message: "[token]… [token] [token]" });
    for (const part of issued[0]!.split(".")) expect(bytes(said)).not.toContain(part);
  });

  it("if a transport quotes it in an answer without a status", async () => {
    const transport = {
      authorization: "",
      request: () => ({
        subscribe: async (callback: (result: object) => unknown) =>
          callback({ error: `refused: ${transport.authorization}`, text: async () => "{}" }),
      }),
    };
    const { worker, said } = startWorker({ apiUrl: undefined, transport } as never);
    await caught(createIsolatedCubeApi(worker).load(query));
    expect(issued.length).toBe(1);
    expect(bytes(said)).toContain("refused: [token]");
    expect(bytes(said)).not.toContain(issued[0]!);
  });

  it("if an error of a stream or a transport quotes it", async () => {
    const transport = {
      authorization: "",
      request() {
        return {
          subscribe: async () => {
            throw Object.assign(new Error(`invalid header value ${this.authorization}`), {
              config: this.authorization,
            });
          },
        };
      },
      requestStream: () => ({
        stream: async () => {
          throw new Error(`invalid header value ${transport.authorization}`);
        },
      }),
    };
    const { worker, said } = startWorker({ apiUrl: undefined, transport } as never);
    const api = createIsolatedCubeApi(worker);
    expect(await caught(api.load(query))).toMatchObject({ message: "invalid header value [token]" });
    expect(await caught(api.cubeSqlStream("SELECT 1").next())).toMatchObject({
      message: "invalid header value [token]",
    });
    expect(issued.length).toBe(1);
    expect(bytes(said)).not.toContain(issued[0]!);
  });
});

describe("a message that this package did not write", () => {
  const strange = (port?: MessagePort): unknown[] => [
    undefined,
    null,
    0,
    "",
    "token",
    HELLO,
    [],
    {},
    [HELLO],
    [HELLO, "x"],
    [HELLO, 1, port],
    [HELLO, "x", {}],
    [HELLO, "x", { postMessage: 1 }],
    { type: "getToken" },
    ["getToken", 1],
    ["token"],
    ["send"],
    ["send", "1"],
    ["send", 1.5, "load", "{}"],
    ["stream", null],
    ["pull", 99],
    ["end", 99],
    ["ping", 1],
    new Map([["send", 1]]),
    ["__proto__", 1],
    JSON.parse('{"__proto__":{"0":"send"}}'),
  ];

  it("is ignored by the worker", async () => {
    const { worker, said } = startWorker();
    said.length = 0;
    for (const message of strange()) worker.postMessage(message);
    await turns();
    expect(said).toEqual([]);
    expect([...asked, ...issued]).toEqual([]);
    expect((await createIsolatedCubeApi(worker).load(query)).rawData()).toHaveLength(1);
  });

  it("can, over its own port, do no more than Cube's client", async () => {
    const { worker, said } = startWorker();
    const { port1, port2 } = new MessageChannel();
    ends.push(() => port1.close());
    const heard: unknown[] = [];
    port1.onmessage = ({ data }) => heard.push(data);
    worker.postMessage([HELLO, "mine", port2], [port2]);
    await turns();
    expect(heard).toMatchObject([["hello", { status: "empty" }]]);
    for (const message of strange()) port1.postMessage(message);
    for (const [index, method] of ["getToken", "load\r\nX: 1", "https://evil.test/", "../token"].entries()) {
      port1.postMessage(["send", 100 + index, method, "{}", false]);
      port1.postMessage(["stream", 200 + index, method, "{}", false]);
    }
    await turns();
    expect([...asked, ...issued]).toEqual([]);
    port1.postMessage([
      "send",
      300,
      "load",
      '{"query":{},"headers":{"X-Evil":"1"},"apiUrl":"https://evil.test"}',
      "yes",
    ]);
    await vi.waitFor(() => expect(asked.length).toBe(1));
    expect(new URL(asked[0]!.url).origin).toBe("http://cube.test");
    expect(Object.keys(asked[0]!.init.headers)).toEqual(["Authorization", "x-request-id"]);
    await turns();
    expect(bytes(said)).not.toContain(issued[0]!);
    expect(bytes(heard)).not.toContain(issued[0]!);
  });
});
