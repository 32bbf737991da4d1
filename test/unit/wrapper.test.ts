import { HttpTransport } from "@cubejs-client/core";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenError, type CubeTransport, withTokens } from "../../src/index.js";
import { Provider } from "../support/provider.js";
import "../support/setup.js";

// biome-ignore lint/suspicious/noExplicitAny: results pass through, whatever they are.
type Result = any;
type Callback = (result: Result, again: () => Promise<unknown>) => unknown;

let tokens: Provider;
beforeEach(() => {
  tokens = new Provider();
});

const answer = (status: number, body: unknown) => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Response(text, { status });
};

/** A transport that answers as a test says and records what it sent with which token. */
function fakeTransport(reply: (token: string | undefined, sent: number) => Result) {
  const sent: { method: string; params: object; token: string | undefined }[] = [];
  const transport = {
    authorization: undefined as string | undefined,
    unsubscribed: 0,
    name: "mine",
    request(method: string, params: object) {
      const self = {
        async subscribe(callback: Callback): Promise<unknown> {
          sent.push({ method, params, token: transport.authorization });
          const result = await reply(transport.authorization, sent.length);
          return callback(result, () => self.subscribe(callback));
        },
      };
      return self;
    },
  };
  return { transport: transport as typeof transport & CubeTransport, sent };
}

const read: Callback = async (result) => (result.error ? result : JSON.parse(await result.text()));
const load = (transport: CubeTransport, params: object = {}, callback = read) =>
  transport.request("load", params).subscribe(callback);
const ok = () => answer(200, { rows: 1 });
const refused = () => answer(403, { error: "Token is expired" });

describe("withTokens", () => {
  it.each([undefined, null, {}, "http", { request: 1 }])(
    "says what to pass as the transport: %s",
    (wrong) => {
      expect(() => withTokens(wrong as never, tokens)).toThrow(
        new TypeError(
          "withTokens: the transport has no request(). Pass an HttpTransport or a WebSocketTransport.",
        ),
      );
    },
  );

  it.each([undefined, null, {}, { getToken() {} }, { invalidate() {} }])(
    "says what to pass as the manager: %s",
    (wrong) => {
      expect(() => withTokens(fakeTransport(ok).transport, wrong as never)).toThrow(
        new TypeError("withTokens: the second argument must be a CubeTokenManager."),
      );
    },
  );

  it("says what to pass as isRejected", () => {
    expect(() => withTokens(fakeTransport(ok).transport, tokens, { isRejected: 1 as never })).toThrow(
      new TypeError("withTokens: isRejected must be a function."),
    );
  });

  it("an abort while a refusal is being read does not invalidate the token", async () => {
    const controller = new AbortController();
    const cut = (body: ReadableStreamDefaultController) => {
      controller.abort();
      body.error(new Error("aborted"));
    };
    const { transport } = fakeTransport(
      () => new Response(new ReadableStream({ pull: cut }), { status: 403 }),
    );
    const { signal } = controller;
    await load(withTokens(transport, tokens), { signal }, (result) => result).catch(() => {});
    expect(tokens.invalidated).toEqual([]);
  });

  it("wraps once", () => {
    const once = withTokens(fakeTransport(ok).transport, tokens);
    expect(withTokens(once, tokens)).toBe(once);
  });

  it("leaves unknown members to the transport", () => {
    const { transport } = fakeTransport(ok);
    const wrapped = withTokens(transport, tokens);
    expect(wrapped.name).toBe("mine");
    wrapped.name = "yours";
    expect(transport.name).toBe("yours");
    // Cube's client sets the token of its own provider.
    wrapped.authorization = "not this";
    expect(transport.authorization).toBeUndefined();
    expect(wrapped.requestStream).toBeUndefined();
  });

  it("sends each attempt with the current token", async () => {
    const { transport, sent } = fakeTransport(ok);
    const wrapped = withTokens(transport, tokens);
    await load(wrapped);
    tokens.serial = 5;
    expect(await load(wrapped, { query: "q" })).toEqual({ rows: 1 });
    expect(sent.map(({ token }) => token)).toEqual(["t1", "t5"]);
    expect(sent[1]).toMatchObject({ method: "load", params: { query: "q" } });
  });

  it("does not set the same token again", async () => {
    const { transport } = fakeTransport(ok);
    const set = vi.fn();
    let value: string | undefined;
    Object.defineProperty(transport, "authorization", {
      get: () => value,
      set: (token) => {
        value = token;
        set(token);
      },
    });
    const wrapped = withTokens(transport, tokens);
    await load(wrapped);
    await load(wrapped);
    expect(set).toHaveBeenCalledExactlyOnceWith("t1");
  });

  it("polls a long query with the current token each time", async () => {
    const { transport, sent } = fakeTransport((_, n) =>
      n < 4 ? answer(200, { error: "Continue wait" }) : ok(),
    );
    const poll: Callback = async (result, again) => {
      const body = JSON.parse(await result.text());
      tokens.serial++;
      return body.error ? again() : body;
    };
    expect(await load(withTokens(transport, tokens), {}, poll)).toEqual({ rows: 1 });
    expect(sent.map(({ token }) => token)).toEqual(["t1", "t2", "t3", "t4"]);
  });

  it("passes the transport the signal of the request, or else that of the client", async () => {
    const { transport, sent } = fakeTransport(ok);
    const { signal } = new AbortController();
    await load(withTokens(transport, tokens), { signal });
    expect(sent[0]!.params).toEqual({ signal });
    expect(tokens.asked).toEqual([{ signal }]);
    await load(withTokens(fakeTransport(ok).transport, tokens));
    expect(tokens.asked[1]).toEqual({ signal: undefined });
  });
});

describe("a refused token", () => {
  it("is invalidated, replaced, and the request repeated", async () => {
    const { transport, sent } = fakeTransport((token) => (token === "t1" ? refused() : ok()));
    expect(await load(withTokens(transport, tokens))).toEqual({ rows: 1 });
    expect(tokens.invalidated).toEqual(["t1"]);
    expect(sent.map(({ token }) => token)).toEqual(["t1", "t2"]);
  });

  it("is replaced once: refused again, the caller gets Cube's answer", async () => {
    const { transport, sent } = fakeTransport(refused);
    expect(await load(withTokens(transport, tokens))).toEqual({ error: "Token is expired" });
    expect(tokens.invalidated).toEqual(["t1"]);
    expect(sent.length).toBe(2);
  });

  it("that cannot be replaced gives Cube's answer at once", async () => {
    tokens.replaces = false;
    const { transport, sent } = fakeTransport(refused);
    expect(await load(withTokens(transport, tokens))).toEqual({ error: "Token is expired" });
    expect(sent.length).toBe(1);
  });

  it.each([
    [401, { error: "Unauthorized" }, true],
    [403, { error: "Invalid token" }, true],
    [403, "not JSON", true],
    [403, { error: "API scope is missing: data" }, false],
    [403, "API scope is missing: data", false],
    [400, { error: "Invalid token" }, false],
    [500, { error: "Invalid token" }, false],
    [200, { error: "Invalid token" }, false],
  ])("is recognized by %s %j: %s", async (status, body, isRefused) => {
    const { transport } = fakeTransport((token) => (token === "t1" ? answer(status, body) : ok()));
    const got = await load(withTokens(transport, tokens)).catch(() => "not JSON");
    expect(tokens.invalidated).toEqual(isRefused ? ["t1"] : []);
    expect(got).toEqual(
      isRefused ? { rows: 1 } : body === "not JSON" || typeof body === "string" ? "not JSON" : body,
    );
  });

  it("is recognized by isRejected, if given, from status and error", async () => {
    const isRejected = vi.fn(({ error }) => error === "mine");
    const { transport } = fakeTransport((token) =>
      token === "t1" ? answer(500, { error: "mine" }) : refused(),
    );
    expect(await load(withTokens(transport, tokens, { isRejected }))).toEqual({ error: "Token is expired" });
    expect(isRejected.mock.calls).toEqual([[{ status: 500, error: "mine" }]]);
    expect(tokens.invalidated).toEqual(["t1"]);
  });

  it("is checked from status 400 on", async () => {
    for (const [status, times] of [
      [200, 0],
      [399, 0],
      [400, 1],
    ] as const) {
      const isRejected = vi.fn(() => false);
      const result = { status, clone: () => result, text: async () => '{"error":"x"}' };
      const { transport } = fakeTransport(() => result);
      await load(withTokens(transport, tokens, { isRejected }));
      expect(isRejected, String(status)).toHaveBeenCalledTimes(times);
    }
    const isRejected = vi.fn(() => false);
    const odd = { status: "403", clone: () => odd, text: async () => "{}" };
    await load(withTokens(fakeTransport(() => odd).transport, tokens, { isRejected }));
    expect(isRejected).not.toHaveBeenCalled();
  });

  it("in an unreadable answer is recognized by its status alone", async () => {
    const unreadable = { status: 401, text: async () => "{}" };
    const { transport } = fakeTransport((token) => (token === "t1" ? unreadable : ok()));
    expect(await load(withTokens(transport, tokens))).toEqual({ rows: 1 });
  });

  it("does not include an answer without a status", async () => {
    const { transport } = fakeTransport(() => ({ error: "network Error" }));
    expect(await load(withTokens(transport, tokens))).toMatchObject({ error: "network Error" });
    expect(tokens.invalidated).toEqual([]);
  });

  it("passes an error of isRejected to the caller", async () => {
    const isRejected = () => {
      throw new Error("mine");
    };
    const { transport } = fakeTransport(refused);
    expect(await load(withTokens(transport, tokens, { isRejected }))).toEqual({ error: "mine" });
  });
});

describe("no token", () => {
  it.each([
    ["ERR_NETWORK", { status: 0, error: "Why.", code: "ERR_NETWORK" }],
    ["ERR_UNAUTHENTICATED", { status: 401, error: "Why.", code: "ERR_UNAUTHENTICATED" }],
  ] as const)("reaches the callback like an answer: %s", async (code, expected) => {
    tokens.failure = new CubeTokenError(code, "Why.");
    const { transport, sent } = fakeTransport(ok);
    const got = await load(withTokens(transport, tokens), {}, async (result) => ({
      status: result.status,
      ...JSON.parse(await result.text()),
    }));
    expect(got).toEqual(expected);
    expect(sent.length).toBe(0);
  });

  it("after the caller's abort is reported as Cube's abort error, and is final", async () => {
    tokens.failure = new CubeTokenError("ERR_ABORTED", "Aborted.");
    const { transport } = fakeTransport(ok);
    let next: (() => Promise<unknown>) | undefined;
    const got = await load(withTokens(transport, tokens), {}, (result, again) => {
      next = again;
      return result.error;
    });
    expect(got).toBe("aborted");
    tokens.failure = undefined;
    expect(await next!()).toBeNull();
  });

  it("from a disposed manager is final as well", async () => {
    tokens.failure = new CubeTokenError("ERR_DISPOSED", "Disposed.");
    let next: (() => Promise<unknown>) | undefined;
    await load(withTokens(fakeTransport(ok).transport, tokens), {}, (_, again) => {
      next = again;
    });
    tokens.failure = undefined;
    expect(await next!()).toBeNull();
  });

  it("for another reason is not final", async () => {
    tokens.failure = new CubeTokenError("ERR_CLEARED", "Signed out.");
    let next: (() => Promise<unknown>) | undefined;
    const callback = vi.fn(async (result: Result, again: () => Promise<unknown>) => {
      next = again;
      return JSON.parse(await result.text());
    });
    await load(withTokens(fakeTransport(ok).transport, tokens), {}, callback);
    tokens.failure = undefined;
    expect(await next!()).toEqual({ rows: 1 });
  });

  it("rejects with the manager's error if the callback turns it into Cube's error, and only then", async () => {
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    const made = Object.assign(new Error("Cube's"), { response: {} });
    const throwing = (error: unknown) => () => {
      throw error;
    };
    const outcome = (error: unknown) =>
      load(withTokens(fakeTransport(ok).transport, tokens), {}, throwing(error)).catch((caught) => caught);
    expect(await outcome(made)).toBe(tokens.failure);
    expect(await outcome({ response: {} })).toEqual({ response: {} });
    // An abort keeps Cube's own error.
    tokens.failure = new CubeTokenError("ERR_ABORTED", "Aborted.");
    expect(await outcome(made)).toBe(made);
  });

  it("temporarily: the next attempt starts afresh", async () => {
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    const { transport, sent } = fakeTransport(ok);
    const seen: unknown[] = [];
    await load(withTokens(transport, tokens), {}, async (result, again) => {
      const body = JSON.parse(await result.text());
      seen.push(body);
      if (!body.error) return body;
      tokens.failure = undefined;
      return again();
    });
    expect(seen).toEqual([{ error: "Offline.", code: "ERR_NETWORK" }, { rows: 1 }]);
    expect(sent.length).toBe(1);
  });

  it("rejects load() with the manager's own error", async () => {
    const failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    tokens.failure = failure;
    const api = createCubeApi(tokens, { apiUrl: "http://cube.test/v1" });
    await expect(api.load({ measures: ["a.b"] })).rejects.toBe(failure);
  });

  it("leaves the callback's own errors alone", async () => {
    const own = new Error("mine");
    const throws = () => {
      throw own;
    };
    await expect(load(withTokens(fakeTransport(ok).transport, tokens), {}, throws)).rejects.toBe(own);
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    await expect(load(withTokens(fakeTransport(ok).transport, tokens), {}, throws)).rejects.toBe(own);
  });
});

describe("unsubscribe()", () => {
  it("before the token has arrived is final", async () => {
    let open = () => {};
    tokens.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { transport, sent } = fakeTransport(ok);
    const request = withTokens<CubeTransport>(transport, tokens).request("load", {});
    const callback = vi.fn();
    const outcome = request.subscribe(callback);
    expect(await request.unsubscribe?.()).toBeNull();
    open();
    expect(await outcome).toBeNull();
    expect(sent.length).toBe(0);
    expect(callback).not.toHaveBeenCalled();
  });

  it("while the request is in flight is final, and calls that of the transport", async () => {
    let reply = (_: Response) => {};
    const { transport } = fakeTransport(() => new Promise<Response>((resolve) => (reply = resolve)));
    const unsubscribe = vi.fn(async () => "inner");
    const { request } = transport;
    transport.request = (method, params) => Object.assign(request(method, params), { unsubscribe });
    const wrapped = withTokens<CubeTransport>(transport, tokens).request("load", {});
    const callback = vi.fn();
    const outcome = wrapped.subscribe(callback);
    await vi.waitFor(() => expect(transport.authorization).toBe("t1"));
    await Promise.resolve();
    expect(await wrapped.unsubscribe?.()).toBe("inner");
    reply(ok());
    expect(await outcome).toBeNull();
    expect(callback).not.toHaveBeenCalled();
    expect(unsubscribe).toHaveBeenCalledTimes(1);
  });

  it("is absent right after an answer was read, so that Cube's client polls with a pause", async () => {
    const request = withTokens<CubeTransport>(fakeTransport(ok).transport, tokens).request("load", {});
    const seen: unknown[] = [];
    await request.subscribe(async (result) => {
      seen.push(typeof request.unsubscribe);
      await result.text();
      seen.push(typeof request.unsubscribe, typeof request.unsubscribe);
    });
    expect(seen).toEqual(["function", "undefined", "function"]);
  });
});

describe("a stream", () => {
  const chunks = (async function* () {})();
  function streaming(stream: (token: string | undefined, n: number) => Promise<AsyncIterable<Uint8Array>>) {
    const { transport } = fakeTransport(ok);
    const sent: (string | undefined)[] = [];
    const params: unknown[] = [];
    const unsubscribe = vi.fn(async () => "ended");
    const own: CubeTransport = Object.assign(transport, {
      requestStream: (_: string, given: object) => {
        params.push(given);
        return {
          stream: () => {
            sent.push(transport.authorization);
            return stream(transport.authorization, sent.length);
          },
          unsubscribe,
        };
      },
    });
    return { wrapped: withTokens(own, tokens), sent, params, unsubscribe };
  }
  const refuse = (text: string) => async (): Promise<AsyncIterable<Uint8Array>> => {
    throw new Error(text);
  };

  it("carries a valid token", async () => {
    const { wrapped, sent, params, unsubscribe } = streaming(async () => chunks);
    const request = wrapped.requestStream!("cubesql", { sql: "SELECT 1" });
    expect(await request.unsubscribe?.()).toBeUndefined();
    expect(await request.stream()).toBe(chunks);
    expect(sent).toEqual(["t1"]);
    expect(params).toEqual([{ sql: "SELECT 1" }]);
    expect(await request.unsubscribe?.()).toBe("ended");
    expect(unsubscribe).toHaveBeenCalledTimes(1);
  });

  it.each(["HTTP 403: Forbidden", "HTTP 401", "HTTP 401: Unauthorized"])(
    "is restarted with another token after %s",
    async (text) => {
      const { wrapped, sent } = streaming((token) =>
        token === "t1" ? refuse(text)() : Promise.resolve(chunks),
      );
      expect(await wrapped.requestStream!("cubesql", {}).stream()).toBe(chunks);
      expect(sent).toEqual(["t1", "t2"]);
      expect(tokens.invalidated).toEqual(["t1"]);
    },
  );

  it("that is refused twice ends with the server's refusal, and its status", async () => {
    const { wrapped, sent } = streaming(refuse("HTTP 403: Forbidden"));
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toMatchObject({
      message: "HTTP 403: Forbidden",
      status: 403,
    });
    expect(sent).toEqual(["t1", "t2"]);
  });

  it("whose token cannot be replaced ends with the server's refusal", async () => {
    tokens.replaces = false;
    const { wrapped, sent } = streaming(refuse("HTTP 403: Forbidden"));
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toThrow("HTTP 403: Forbidden");
    expect(sent).toEqual(["t1"]);
  });

  it.each([
    "HTTP 403: API scope is missing: sql",
    "HTTP 500: Internal",
    "HTTP 4031",
    "x HTTP 403",
    "offline",
  ])("ends with an error that is no refusal: %s", async (text) => {
    const { wrapped } = streaming(refuse(text));
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toThrow(text);
    expect(tokens.invalidated).toEqual([]);
  });

  it("tolerates a non-error", async () => {
    const { wrapped } = streaming(() => Promise.reject(undefined));
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toBeUndefined();
  });

  it("without a token rejects with the manager's error; aborted, with the name that Cube's client knows", async () => {
    const { wrapped } = streaming(async () => chunks);
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toBe(tokens.failure);
    tokens.failure = new CubeTokenError("ERR_ABORTED", "Aborted.");
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toMatchObject({
      name: "AbortError",
      message: "Aborted.",
    });
    const other = Object.assign(new Error("x"), { code: "ERR_ABORTED" });
    tokens.failure = other;
    await expect(wrapped.requestStream!("cubesql", {}).stream()).rejects.toBe(other);
  });

  it("waits for its token only until its signal is aborted", async () => {
    const { wrapped } = streaming(async () => chunks);
    const { signal } = new AbortController();
    await wrapped.requestStream!("cubesql", { signal }).stream();
    expect(tokens.asked).toEqual([{ signal }]);
  });
});

describe("what useCubeQuery compares deeply, to reload with another client", () => {
  it.each([
    ["a custom transport", () => fakeTransport(ok).transport as CubeTransport],
    ["HttpTransport", () => new HttpTransport({ apiUrl: "/x" })],
  ])("differs with each wrapping: %s", (_, make) => {
    const [ada, grace] = [new Provider(), new Provider()];
    const transport = make();
    const plain = ({ ...wrapped }: CubeTransport) => JSON.stringify(wrapped);
    expect(plain(withTokens(transport, ada))).not.toBe(plain(withTokens(transport, grace)));
    expect(plain(withTokens(transport, ada))).not.toBe(plain(withTokens(transport, ada)));
  });
});

describe("createCubeApi", () => {
  const calls: [string, RequestInit][] = [];
  beforeEach(() => {
    calls.length = 0;
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      calls.push([url, init]);
      return Response.json({
        queryType: "regularQuery",
        results: [{ query: {}, data: [{ "a.b": "1" }], annotation: {} }],
        pivotQuery: {},
      });
    });
  });
  const query = { measures: ["a.b"] };

  const call = 'createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" })';

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["its getToken, as cube() accepts it", async () => "t1"],
    ["a token", "eyJ0.eyJ0.c2ln"],
    ["the options alone", { apiUrl: "/v1" }],
    ["a promise", Promise.resolve("t1")],
  ])("says that it takes the manager itself if it gets %s", (_, wrong) => {
    expect(() => createCubeApi(wrong as never, { apiUrl: "/v1" })).toThrow(
      new TypeError(`createCubeApi: the first argument must be the CubeTokenManager itself: ${call}.`),
    );
    expect(() => createCubeApi(wrong as never, undefined as never)).toThrow(TypeError);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["none", {}],
    ["an empty one", { apiUrl: "" }],
    ["the URL itself", "/cubejs-api/v1"],
  ])("says that it needs an apiUrl if it gets %s", (_, wrong) => {
    expect(() => createCubeApi(tokens, wrong as never)).toThrow(
      new TypeError(`createCubeApi: apiUrl is missing: ${call}.`),
    );
  });

  it("reports other mistakes by its own name", () => {
    const wrong = (options: object) => () => createCubeApi(tokens, { apiUrl: "/v1", ...options });
    expect(wrong({ transport: {} })).toThrow(/^createCubeApi: the transport has no request\(\)/);
    expect(wrong({ isRejected: 403 })).toThrow(/^createCubeApi: isRejected must be a function/);
  });

  it("returns clients that are never deeply equal, whether of one manager or of two", () => {
    const api = (of: Provider) => createCubeApi(of, { apiUrl: "/v1" });
    expect(api(tokens)).not.toEqual(api(new Provider()));
    expect(api(tokens)).not.toEqual(api(tokens));
  });

  it.each(["Authorization", "authorization", "X-Cube-Authorization", "x-cube-authorization"])(
    "refuses a header that would replace the token: %s",
    (name) => {
      expect(() => createCubeApi(tokens, { apiUrl: "/v1", headers: { [name]: "x" } })).toThrow(
        new TypeError(`createCubeApi: the header "${name}" would override the token. Remove it.`),
      );
    },
  );

  it("passes on other headers, the method, credentials and fetchTimeout", async () => {
    const headers = { "X-Authorization-Id": "x" };
    const api = createCubeApi(tokens, {
      apiUrl: "http://cube.test/v1",
      headers,
      method: "POST",
      credentials: "include",
      fetchTimeout: 5000,
    });
    await api.load(query);
    expect(calls[0]).toMatchObject([
      "http://cube.test/v1/load",
      { method: "POST", credentials: "include", headers: { Authorization: "t1", "X-Authorization-Id": "x" } },
    ]);
    expect(calls[0]![1].signal).toBeInstanceOf(AbortSignal);
    // The application's own object is not changed.
    expect(headers).toEqual({ "X-Authorization-Id": "x" });
  });

  it("leaves out what it was not given", async () => {
    await createCubeApi(tokens, { apiUrl: "http://cube.test/v1" }).load(query);
    expect(calls[0]![1]).toMatchObject({ method: "GET", headers: { Authorization: "t1" } });
    expect(calls[0]![1].credentials).toBeUndefined();
    expect(calls[0]![1].signal).toBeUndefined();
  });

  it("wraps a custom transport, whatever its headers", async () => {
    const { transport, sent } = fakeTransport((token) =>
      answer(200, {
        token,
        queryType: "regularQuery",
        results: [{ query: {}, data: [], annotation: {} }],
        pivotQuery: {},
      }),
    );
    const headers = { Authorization: "of the gateway" };
    await createCubeApi(tokens, { apiUrl: "/v1", transport: transport as never, headers }).load(query);
    expect(sent[0]!.token).toBe("t1");
    expect(calls.length).toBe(0);
  });

  it("passes on isRejected and the client's signal", async () => {
    const { signal } = new AbortController();
    const isRejected = vi.fn(() => false);
    const { transport, sent } = fakeTransport(() => answer(403, { error: "no" }));
    const api = createCubeApi(tokens, { apiUrl: "/v1", transport: transport as never, isRejected, signal });
    await api.load(query).catch(() => {});
    expect(isRejected).toHaveBeenCalledWith({ status: 403, error: "no" });
    expect((sent[0]!.params as { signal: AbortSignal }).signal).toBe(signal);
    expect(tokens.asked).toEqual([{ signal }]);
  });
});
