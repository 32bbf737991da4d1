import cube, { type CubeApi, HttpTransport } from "@cubejs-client/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenError, withTokens } from "../../src/index.js";
import {
  type Cube,
  caught,
  sign,
  signer,
  sleep,
  slowQuery,
  startCube,
  startServer,
  startWire,
  until,
  type Wire,
  WRONG,
} from "../support/cube.js";
import { outcomes } from "../support/events.js";

const query = { measures: ["Things.count"] };
const count = (result: { rawData(): unknown[] }) =>
  Number((result.rawData()[0] as Record<string, unknown>)["Things.count"]);

let server: Cube;
let wire: Wire;
/** The server's address, with every connection counted. */
let apiUrl: string;

beforeAll(async () => {
  server = await startCube();
  wire = await startWire(server.port);
  apiUrl = `http://127.0.0.1:${wire.port}/cubejs-api/v1`;
});
afterAll(async () => {
  await wire?.stop();
});

/** Requests to Cube, as this process sent them. */
const watchFetch = () => vi.spyOn(globalThis, "fetch");

describe("a long poll", () => {
  it("of plain cube() fails when the token expires in a Continue wait loop", async () => {
    const { tokens } = signer(() => sign({}, { ttl: 4 }));
    const api = cube(tokens.getToken, { apiUrl });
    expect(await caught(api.load(slowQuery(7000)))).toMatchObject({ status: 403, message: "Invalid token" });
  });

  it("lasts through several token lifetimes, and returns its rows", async () => {
    const { tokens, requests } = signer(() => sign({}, { ttl: 4 }));
    const api = createCubeApi(tokens, { apiUrl });
    const progress: unknown[] = [];
    const result = await api.load(slowQuery(13_000), { progressCallback: (state) => progress.push(state) });
    expect(count(result)).toBe(2);
    expect(progress.length).toBeGreaterThan(5);
    expect(requests()).toBeGreaterThanOrEqual(4);
  });
});

describe("a stream", () => {
  const read = async (api: CubeApi, options = {}) => {
    const chunks = [];
    for await (const chunk of api.cubeSqlStream("SELECT 1", options)) chunks.push(chunk);
    return chunks;
  };

  it("of plain cube() carries no token, and is refused", async () => {
    const { tokens, requests } = signer();
    expect(await caught(read(cube(tokens.getToken, { apiUrl })))).toMatchObject({
      message: "HTTP 403: Forbidden",
    });
    expect(requests()).toBe(0);
  });

  it("as the first call of a page carries a valid token", async () => {
    const { tokens, requests } = signer();
    // Without the Rust binary the server answers 500 after accepting the token.
    const error = await caught(read(createCubeApi(tokens, { apiUrl })));
    expect(error).toMatchObject({ status: 500, message: "HTTP 500: Internal Server Error" });
    expect(requests()).toBe(1);
  });

  describe("of a server that sends Cube's JSONL", () => {
    const seen: (string | undefined)[] = [];
    let jsonl: Awaited<ReturnType<typeof startServer>>;
    const lines = [{ schema: [{ name: "n", column_type: "Int" }] }, { data: [["1"]] }, { data: [["2"]] }];

    beforeAll(async () => {
      jsonl = await startServer((request, response) => {
        const { authorization } = request.headers;
        seen.push(authorization);
        if (authorization?.startsWith("bad")) return void response.writeHead(403).end("{}");
        if (authorization === "hang") return;
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
        response.end();
      });
    });
    afterAll(() => jsonl.stop());

    it("arrives whole", async () => {
      const { tokens } = signer(async () => "good");
      const chunks = await read(createCubeApi(tokens, { apiUrl: jsonl.url }));
      expect(chunks).toEqual([
        { type: "schema", schema: lines[0]!.schema },
        { type: "data", data: [["1"]] },
        { type: "data", data: [["2"]] },
      ]);
    });

    it("is restarted with another token if the first is refused", async () => {
      const answers = ["bad", "good"];
      const { tokens, requests } = signer(async () => answers.shift()!);
      expect(await read(createCubeApi(tokens, { apiUrl: jsonl.url }))).toHaveLength(3);
      expect(requests()).toBe(2);
    });

    it("ends with the server's refusal if every token is refused", async () => {
      let serial = 0;
      const { tokens, requests } = signer(async () => `bad${serial++}`);
      const before = seen.length;
      const error = await caught(read(createCubeApi(tokens, { apiUrl: jsonl.url })));
      expect(error).toMatchObject({ message: "HTTP 403: Forbidden", status: 403 });
      expect(seen.length - before).toBe(2);
      expect(requests()).toBe(2);
    });

    it("rejects with the manager's error if there is no token", async () => {
      const { tokens } = signer(async () => {
        throw new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.");
      });
      expect(await caught(read(createCubeApi(tokens, { apiUrl: jsonl.url })))).toMatchObject({
        code: "ERR_UNAUTHENTICATED",
      });
    });

    it("can be aborted while it waits for a token, and while it waits for the server", async () => {
      const waiting = new AbortController();
      const { tokens } = signer(() => new Promise(() => {}));
      const call = caught(read(createCubeApi(tokens, { apiUrl: jsonl.url }), { signal: waiting.signal }));
      await sleep(20);
      waiting.abort();
      expect(await call).toMatchObject({ message: "aborted" });
      tokens.dispose();

      const hanging = new AbortController();
      const { tokens: others } = signer(async () => "hang");
      const hung = caught(read(createCubeApi(others, { apiUrl: jsonl.url }), { signal: hanging.signal }));
      await until(() => seen.includes("hang"));
      hanging.abort();
      expect(await hung).toMatchObject({ message: "aborted" });
    });
  });
});

describe("a refused token", () => {
  it("of plain cube() is never replaced", async () => {
    const { tokens, requests } = signer(() => sign({}, { secret: WRONG }));
    const api = cube(tokens.getToken, { apiUrl });
    for (let n = 0; n < 3; n++) expect(await caught(api.load(query))).toMatchObject({ status: 403 });
    expect(requests()).toBe(1);
  });

  it("is replaced, and the request repeated", async () => {
    let first = true;
    const rejected: (string | undefined)[] = [];
    const { tokens, requests } = signer(({ rejectedToken }) => {
      rejected.push(rejectedToken);
      const secret = first ? WRONG : undefined;
      first = false;
      return sign({}, { secret });
    });
    const types: string[] = [];
    tokens.subscribe(outcomes(({ type }) => types.push(type)));
    expect(count(await createCubeApi(tokens, { apiUrl }).load(query))).toBe(2);
    expect(requests()).toBe(2);
    expect(rejected[0]).toBeUndefined();
    expect(rejected[1]).toMatch(/^eyJ/);
    expect(types).toEqual(["refreshed", "invalidated", "refreshed"]);
  });

  it("that is always refused gives Cube's own error, with one extra token request for twenty queries", async () => {
    let serial = 0;
    const { tokens, requests } = signer(() => sign({ n: serial++ }, { secret: WRONG }));
    const fetches = watchFetch();
    const api = createCubeApi(tokens, { apiUrl });
    const errors = await Promise.all(Array.from({ length: 20 }, () => caught(api.load(query))));
    for (const error of errors) expect(error).toMatchObject({ status: 403, message: "Invalid token" });
    expect(errors[0]!.constructor.name).toBe("RequestError");
    expect(requests()).toBe(2);
    expect(fetches).toHaveBeenCalledTimes(40);
  });

  it("is replaced by a token that another query has already got", async () => {
    const { tokens, requests } = signer();
    const old = await sign({}, { secret: WRONG });
    const stale = { ...tokens, getToken: vi.fn(tokens.getToken), subscribe: tokens.subscribe };
    stale.getToken.mockResolvedValueOnce(old);
    await tokens.getToken();
    const api = createCubeApi(stale, { apiUrl });
    expect(count(await api.load(query))).toBe(2);
    expect(requests()).toBe(1);
  });

  it("without a required scope is not refreshed", async () => {
    const scoped = await startCube({ apiSecret: "s".repeat(40), scopes: ["meta"] });
    const { tokens, requests } = signer(() => sign({}, { secret: "s".repeat(40) }));
    const fetches = watchFetch();
    const api = createCubeApi(tokens, { apiUrl: scoped.apiUrl });
    expect(await caught(api.load(query))).toMatchObject({
      status: 403,
      message: "API scope is missing: data",
    });
    expect(fetches).toHaveBeenCalledTimes(1);
    expect(requests()).toBe(1);
    expect(tokens.getSnapshot().status).toBe("fresh");
  });

  it("is recognized by isRejected if a custom checkAuth answers 500", async () => {
    const own = await startCube({ checkAuth: "throws" });
    for (const isRejected of [
      undefined,
      ({ status, error }: { status: number; error?: string }) =>
        status === 500 && error === "Error: Signature is wrong",
    ]) {
      let bad = true;
      const { tokens, requests } = signer(() => {
        const token = sign(bad ? { bad } : {});
        bad = false;
        return token;
      });
      const api = createCubeApi(tokens, { apiUrl: own.apiUrl, isRejected });
      if (isRejected) {
        expect(count(await api.load(query))).toBe(2);
        expect(requests()).toBe(2);
      } else {
        expect(await caught(api.load(query))).toMatchObject({ status: 500 });
        expect(requests()).toBe(1);
      }
    }
  });

  it("passes an error of isRejected to the caller", async () => {
    const { tokens } = signer(() => sign({}, { secret: WRONG }));
    const isRejected = () => {
      throw new Error("mistaken");
    };
    expect(await caught(createCubeApi(tokens, { apiUrl, isRejected }).load(query))).toMatchObject({
      message: "mistaken",
    });
  });
});

describe("a manager without a token", () => {
  const signedOut = () =>
    signer(async () => {
      throw new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.");
    });

  it("rejects load() with its own error", async () => {
    const error = await caught(createCubeApi(signedOut().tokens, { apiUrl }).load(query));
    expect(error).toBeInstanceOf(CubeTokenError);
    expect(error).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
  });

  it("reaches the callback", async () => {
    const callback = vi.fn();
    createCubeApi(signedOut().tokens, { apiUrl }).load(query, {}, callback);
    await until(() => callback.mock.calls.length);
    expect(callback.mock.calls[0]![0]).toMatchObject({
      message: "Sign in again.",
      status: 401,
      response: { code: "ERR_UNAUTHENTICATED" },
    });
    await sleep(50);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("reaches a subscription, which continues when there is a token again", async () => {
    let signedIn = false;
    const { tokens } = signer(() =>
      signedIn ? sign() : Promise.reject(new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.")),
    );
    const seen: unknown[] = [];
    const api = createCubeApi(tokens, { apiUrl, pollInterval: 0.1 });
    const subscription = api.subscribe(
      query,
      {},
      (error, result) => void seen.push(error?.message ?? count(result)),
    );
    await until(() => seen.length >= 2);
    expect(seen.slice(0, 2)).toEqual(["Sign in again.", "Sign in again."]);
    signedIn = true;
    await tokens.getToken({ forceRefresh: true });
    await until(() => seen.includes(2));
    await subscription.unsubscribe();
  });

  it("of plain cube() never calls the callback", async () => {
    const rejections: unknown[] = [];
    const listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => rejections.push(reason));
    try {
      const callback = vi.fn();
      cube(signedOut().tokens.getToken, { apiUrl }).load(query, {}, callback);
      await sleep(100);
      expect(callback).not.toHaveBeenCalled();
      expect(rejections).toHaveLength(1);
    } finally {
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener);
    }
  });

  it("that was disposed rejects at once, and ends a subscription with one error", async () => {
    const { tokens } = signer();
    tokens.dispose();
    const api = createCubeApi(tokens, { apiUrl, pollInterval: 0.02 });
    expect(await caught(api.load(query))).toMatchObject({ code: "ERR_DISPOSED" });
    const callback = vi.fn();
    api.subscribe(query, {}, callback);
    await sleep(200);
    expect(callback).toHaveBeenCalledTimes(1);
    expect(callback.mock.calls[0]![0]).toMatchObject({ response: { code: "ERR_DISPOSED" } });
  });

  it("ends the wait when the signal of the query or of the client is aborted", async () => {
    for (const own of [true, false]) {
      const { tokens } = signer(() => new Promise(() => {}));
      const controller = new AbortController();
      const { signal } = controller;
      const api = createCubeApi(tokens, { apiUrl, ...(own ? {} : { signal }) });
      const call = caught(api.load(query, own ? { signal } : {}));
      await sleep(20);
      controller.abort();
      expect(await call).toMatchObject({ message: "aborted" });
      tokens.dispose();
    }
  });
});

describe("unsubscribe()", () => {
  it("of plain cube() is followed by one more request and callback", async () => {
    const { tokens } = signer();
    const callback = vi.fn();
    const api = cube(tokens.getToken, { apiUrl, pollInterval: 0.2 });
    const subscription = api.subscribe(query, {}, callback);
    await until(() => callback.mock.calls.length);
    const fetches = watchFetch();
    await subscription.unsubscribe();
    await sleep(600);
    expect(fetches).toHaveBeenCalledTimes(1);
    expect(callback).toHaveBeenCalledTimes(2);
  });

  const subscribed = async (options = {}) => {
    const { tokens } = signer();
    const callback = vi.fn();
    const fetches = watchFetch();
    const api = createCubeApi(tokens, { apiUrl, pollInterval: 0.2, ...options });
    const subscription = api.subscribe(query, {}, callback);
    return { tokens, callback, fetches, subscription };
  };
  /** Checks that nothing more happens. */
  const quiet = async (callback: ReturnType<typeof vi.fn>, fetches: { mock: { calls: unknown[] } }) => {
    const before = [callback.mock.calls.length, fetches.mock.calls.length];
    await sleep(500);
    expect([callback.mock.calls.length, fetches.mock.calls.length]).toEqual(before);
  };

  it("in the pause between two polls is final", async () => {
    const { callback, fetches, subscription } = await subscribed();
    await until(() => callback.mock.calls.length === 2);
    await sleep(50);
    await subscription.unsubscribe();
    await quiet(callback, fetches);
    expect(callback).toHaveBeenCalledTimes(2);
  });

  it("while a request is in flight is final", async () => {
    const slow = await startServer((_, response) => {
      setTimeout(() => response.end('{"data":[]}'), 300);
    });
    try {
      const { callback, fetches, subscription } = await subscribed({ apiUrl: slow.url });
      await until(() => fetches.mock.calls.length === 1);
      await subscription.unsubscribe();
      await quiet(callback, fetches);
      expect(callback).not.toHaveBeenCalled();
    } finally {
      slow.stop();
    }
  });

  it("in the callback is final", async () => {
    const { callback, fetches, subscription } = await subscribed();
    callback.mockImplementation(() => subscription.unsubscribe());
    await until(() => callback.mock.calls.length);
    await quiet(callback, fetches);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("while the answer is being read is final", async () => {
    const slow = await startServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"data":');
      setTimeout(() => response.end("[]}"), 300);
    });
    try {
      const { callback, fetches, subscription } = await subscribed({ apiUrl: slow.url });
      await until(() => fetches.mock.calls.length === 1);
      await sleep(150);
      await subscription.unsubscribe();
      await quiet(callback, fetches);
      expect(callback).not.toHaveBeenCalled();
    } finally {
      slow.stop();
    }
  });

  it("while it waits for a token is final", async () => {
    let answer = (_: string) => {};
    const { tokens } = signer(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const callback = vi.fn();
    const fetches = watchFetch();
    const subscription = createCubeApi(tokens, { apiUrl }).subscribe(query, {}, callback);
    await sleep(50);
    await subscription.unsubscribe();
    answer(await sign());
    await quiet(callback, fetches);
    expect(fetches).not.toHaveBeenCalled();
  });

  it("does not make a live subscription poll any faster", async () => {
    const { callback, fetches, subscription } = await subscribed();
    await sleep(1100);
    expect(callback.mock.calls.length).toBeGreaterThanOrEqual(3);
    expect(fetches.mock.calls.length).toBeLessThanOrEqual(6);
    await subscription.unsubscribe();
  });
});

describe("the wrapped transport", () => {
  it("on a server, wrapped for each request's own manager, never mixes their tokens", async () => {
    const transport = new HttpTransport({ apiUrl });
    const own = { ...query, dimensions: ["Things.context"] };
    const users = Array.from({ length: 20 }, (_, n) => `user-${n}`);
    const seen = await Promise.all(
      users.map(async (sub) => {
        const { tokens } = signer(() => sign({ sub }));
        const rows = (await createCubeApi(tokens, { apiUrl, transport }).load(own)).rawData();
        return JSON.parse(rows[0]!["Things.context"] as string).sub;
      }),
    );
    expect(seen).toEqual(users);
  });

  /** The same calls on the bare transport and on the wrapped one. */
  const both = async <T>(call: (api: CubeApi) => Promise<T>, options = {}) => {
    const { tokens } = signer();
    const headers = {};
    const bare = cube(tokens.getToken, { apiUrl, headers, ...options });
    const wrapped = createCubeApi(tokens, { apiUrl, headers, ...options });
    const settle = (api: CubeApi) =>
      call(api).then(
        (value) => ({ value: JSON.parse(JSON.stringify(value)) }),
        (error) => ({ error: { message: error.message, status: error.status, response: error.response } }),
      );
    return [await settle(bare), await settle(wrapped)] as const;
  };
  const sameAs = (value: unknown) =>
    JSON.parse(
      JSON.stringify(value, (key, inner) =>
        /^(requestId|lastRefreshTime|refreshKeyValues|traceId)$/.test(key) ? undefined : inner,
      ),
    );

  const calls: Record<string, (api: CubeApi) => Promise<unknown>> = {
    load: (api) => api.load({ ...query, dimensions: ["Things.name"], order: { "Things.name": "asc" } }),
    "load of several queries": (api) => api.load([query, { measures: ["Things.total"] }]),
    "load, compact": (api) => api.load(query, {}, undefined, "compact"),
    "load, castNumerics": async (api) => (await api.load(query, { castNumerics: true })).rawData(),
    "load of an invalid query": (api) => api.load({ measures: ["Nothing.count"] }),
    sql: async (api) => (await api.sql(query)).rawQuery(),
    meta: async (api) => (await api.meta()).cubes,
    dryRun: (api) => api.dryRun(query),
    // Without the Rust binary, both fail with the same error.
    cubeSql: (api) => api.cubeSql("SELECT 1"),
    "a callback": (api) =>
      new Promise((resolve, reject) => {
        api.load(query, {}, (error, result) => (error ? reject(error) : resolve(result)));
      }),
    "a subscription's first": (api) =>
      new Promise((resolve, reject) => {
        const subscription = api.subscribe(query, {}, (error, result) => {
          subscription.unsubscribe();
          error ? reject(error) : resolve(result);
        });
      }),
    progressCallback: async (api) => {
      const stages: unknown[] = [];
      await api.load(slowQuery(1500), { progressCallback: (progress) => stages.push(progress.stage()) });
      return stages.length > 0;
    },
    "an aborted signal": (api) => api.load(query, { signal: AbortSignal.abort() }),
    "a signal that is aborted later": (api) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 200);
      return api.load(slowQuery(2500), { signal: controller.signal });
    },
    mutexKey: async (api) => {
      const mutexObj = {};
      const options = { mutexObj, mutexKey: "chart" };
      return Promise.all([api.load(slowQuery(1500), options), api.load(query, options).then(count)]);
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`behaves like the bare one: ${name}`, async () => {
      const [bare, wrapped] = await both(call);
      expect(sameAs(wrapped)).toEqual(sameAs(bare));
      // Not both nothing.
      expect(JSON.stringify(bare).length).toBeGreaterThan(10);
    });
  }

  it("sends the same requests", async () => {
    const fetches = watchFetch();
    const [bare, wrapped] = await both((api) => api.load(query, { baseRequestId: "id" }), { method: "POST" });
    expect(wrapped).toHaveProperty("value");
    expect(bare).toHaveProperty("value");
    expect(fetches.mock.calls[1]).toEqual(fetches.mock.calls[0]);
  });

  it("respects fetchTimeout", async () => {
    const [bare, wrapped] = await both((api) => api.load(slowQuery(3000)), { fetchTimeout: 300 });
    expect(wrapped).toEqual(bare);
    expect(wrapped).toHaveProperty("error");
  });

  it("respects networkErrorRetries", async () => {
    wire.down = true;
    wire.cut();
    try {
      const fetches = watchFetch();
      const call = (api: CubeApi) => api.load(query);
      const [bare, wrapped] = await both(call, { networkErrorRetries: 2, pollInterval: 0.05 });
      expect(wrapped).toEqual(bare);
      expect(wrapped).toMatchObject({ error: { message: "network Error" } });
      expect(fetches).toHaveBeenCalledTimes(6);
    } finally {
      wire.down = false;
    }
  });

  it("can be passed to cube() together with the provider", async () => {
    const { tokens, requests } = signer();
    const transport = withTokens(new HttpTransport({ apiUrl, headers: {} }), tokens);
    expect(count(await cube(tokens.getToken, { apiUrl, transport }).load(query))).toBe(2);
    expect(requests()).toBe(1);
    expect(transport).toBeInstanceOf(HttpTransport);
    expect(withTokens(transport, tokens)).toBe(transport);
  });

  it("sends each of many parallel requests with its current token", async () => {
    const { tokens } = signer();
    const api = createCubeApi(tokens, { apiUrl });
    const results = await Promise.all(Array.from({ length: 50 }, () => api.load(query)));
    expect(results.map(count)).toEqual(Array(50).fill(2));
  });
});

describe("a wrong argument", () => {
  const { tokens } = signer();

  it.each([
    ["no transport", () => withTokens(undefined as never, tokens), /no request\(\)/],
    ["an empty transport", () => withTokens({} as never, tokens), /no request\(\)/],
    [
      "no manager",
      () => withTokens(new HttpTransport({ apiUrl: "/", headers: {} }), undefined as never),
      /CubeTokenManager/,
    ],
    [
      "getToken alone",
      () => withTokens(new HttpTransport({ apiUrl: "/", headers: {} }), tokens.getToken as never),
      /CubeTokenManager/,
    ],
    [
      "an invalid isRejected",
      () => withTokens(new HttpTransport({ apiUrl: "/", headers: {} }), tokens, { isRejected: 401 as never }),
      /isRejected/,
    ],
    [
      "a header that would replace the token",
      () => createCubeApi(tokens, { apiUrl: "/", headers: { authorization: "x" } }),
      /"authorization"/,
    ],
    [
      "Cube's own header",
      () => createCubeApi(tokens, { apiUrl: "/", headers: { "X-Cube-Authorization": "x" } }),
      /"X-Cube-Authorization"/,
    ],
    [
      "an invalid transport, to createCubeApi",
      () => createCubeApi(tokens, { apiUrl: "/", transport: {} as never }),
      /no request\(\)/,
    ],
  ])("is a TypeError that says what to do: %s", (_, call, message) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });

  it("and a server's nonsense is an error at once", async () => {
    const bodies = ["", "<html>", "null", "[]", '{"data":'];
    const nonsense = await startServer((_, response) => response.writeHead(403).end(bodies.shift()));
    try {
      const { tokens, requests } = signer();
      const api = createCubeApi(tokens, { apiUrl: nonsense.url });
      while (bodies.length) await caught(api.load(query));
      expect(requests()).toBeLessThanOrEqual(4);
    } finally {
      nonsense.stop();
    }
  });
});
