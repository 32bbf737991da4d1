import cube, { CubeApi } from "@cubejs-client/core";
import WebSocketTransport from "@cubejs-client/ws-transport";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenError, type CubeTokenManager } from "../../src/index.js";
import {
  type Cube,
  caught,
  sign,
  signer,
  sleep,
  slowQuery,
  startCube,
  startWire,
  until,
  type Wire,
} from "../support/cube.js";
import { freePort } from "../support/free-port.mjs";

const query = { measures: ["Things.count"] };
const WRONG = "another-secret-of-more-than-thirty-two-chars";
const count = (result: { rawData(): unknown[] }) =>
  Number((result.rawData()[0] as Record<string, unknown>)["Things.count"]);

let server: Cube;
let wire: Wire;
const transports: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startCube();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  wire = await startWire(server.port);
});
afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
  await wire.stop();
});

const socket = (port = wire.port, options = {}) =>
  new WebSocketTransport({ apiUrl: `ws://127.0.0.1:${port}/`, ...options });

function connected(tokens: CubeTokenManager, port?: number, options = {}): CubeApi {
  const transport = socket(port);
  transports.push(transport);
  return createCubeApi(tokens, { apiUrl: "", transport, ...options });
}

/** What `@cubejs-client/ws-transport` has inside, and this package uses. */
it("has the members that the wrapper uses", () => {
  expect(socket()).toMatchObject({
    ws: null,
    messageQueue: [],
    messageIdToSubscription: {},
    initSocket: expect.any(Function),
    close: expect.any(Function),
  });
});

describe("plain ws-transport", () => {
  it("leaves the second query after a refused token pending", async () => {
    const transport = socket();
    const api = cube(async () => sign({}, 60, WRONG).then(() => "not.a.token"), { apiUrl: "", transport });
    expect(await caught(api.load(query))).toMatchObject({ status: 403, message: "Not authorized" });
    const second = vi.fn();
    api.load(query).then(second, second);
    await sleep(3000);
    expect(second).not.toHaveBeenCalled();
    await transport.close();
  });

  it("opens sockets without a pause while the server is down", async () => {
    const transport = socket();
    const api = cube(async () => "token", { apiUrl: "", transport });
    wire.down = true;
    const subscription = api.subscribe(query, {}, () => {});
    await sleep(2000);
    // Some 700 in a second with this wire in between; the wrapper's number is below.
    expect(wire.connections).toBeGreaterThan(200);
    Object.assign(transport, { messageIdToSubscription: {} });
    wire.down = false;
    subscription.unsubscribe().catch(() => {});
    await sleep(300);
    await transport.close();
  });
});

describe("over one socket", () => {
  it("queries are answered", async () => {
    const { tokens, requests } = signer();
    const api = connected(tokens);
    const results = await Promise.all([api.load(query), api.load({ measures: ["Things.total"] })]);
    expect(count(results[0]!)).toBe(2);
    expect((await api.meta()).cubes).toHaveLength(1);
    expect(await api.dryRun(query)).toMatchObject({ queryType: "regularQuery" });
    expect((await api.sql(query)).rawQuery()).toBeTruthy();
    expect(await caught(api.load({ measures: ["Nothing.count"] }))).toMatchObject({ status: 400 });
    expect(wire.connections).toBe(1);
    expect(requests()).toBe(1);
  });

  it("a new token is taken up before the old one expires, without a reconnect", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({ n: n++ }, 4));
    const api = connected(tokens);
    server.contexts.length = 0;
    const callback = vi.fn();
    const subscription = api.subscribe(query, {}, callback);
    const slow = api.load(slowQuery(6000));
    await sleep(10_000);
    expect(wire.connections).toBe(1);
    expect(requests()).toBeGreaterThanOrEqual(3);
    // The server has seen each of them, and none after its expiry.
    const seen = new Set(server.contexts.map((context) => context.n));
    expect(seen.size).toBeGreaterThanOrEqual(3);
    expect(count(await slow)).toBe(2);
    // The subscription has not been sent anew: its result came once.
    expect(callback).toHaveBeenCalledTimes(1);
    expect(callback.mock.calls[0]![0]).toBeNull();
    await subscription.unsubscribe();
  });

  it("the other way, a reconnect, sends each subscription its result once more", async () => {
    const transport = socket();
    transports.push(transport);
    const api = new CubeApi({ apiUrl: "", transport });
    transport.authorization = await sign();
    const callback = vi.fn();
    const subscription = api.subscribe(query, {}, callback);
    for (let n = 1; n <= 3; n++) {
      await until(() => callback.mock.calls.length >= n);
      if (n < 3) transport.authorization = await sign({ n });
    }
    expect(wire.connections).toBe(3);
    expect(callback).toHaveBeenCalledTimes(3);
    await subscription.unsubscribe();
  });

  it("a slow query is answered soon after it is done", async () => {
    const { tokens } = signer();
    const started = Date.now();
    expect(count(await connected(tokens).load(slowQuery(3000)))).toBe(2);
    // Bare it takes the heartbeat of 60 s.
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it("a signal is no reason for a 400, and ends the query", async () => {
    const { tokens } = signer();
    const api = connected(tokens);
    expect(count(await api.load(query, { signal: new AbortController().signal }))).toBe(2);
    const controller = new AbortController();
    const call = caught(api.load(slowQuery(5000), { signal: controller.signal }));
    await sleep(300);
    controller.abort();
    expect(await call).toMatchObject({ message: "aborted" });
    expect(await caught(api.load(query, { signal: controller.signal }))).toMatchObject({
      message: "aborted",
    });
  });

  it("an aborted subscription hears it once", async () => {
    const { tokens } = signer();
    const callback = vi.fn();
    connected(tokens, undefined, { pollInterval: 0.05 }).subscribe(
      query,
      { signal: AbortSignal.abort() },
      callback,
    );
    await sleep(500);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("nothing comes after unsubscribe()", async () => {
    const { tokens } = signer();
    const api = connected(tokens);
    const callback = vi.fn();
    const early = api.subscribe(query, {}, callback);
    await early.unsubscribe();
    await sleep(500);
    expect(callback).not.toHaveBeenCalled();
    expect(wire.connections).toBe(0);
    const late = api.subscribe(query, {}, callback);
    await until(() => callback.mock.calls.length);
    await late.unsubscribe();
    wire.cut();
    await sleep(1500);
    expect(callback).toHaveBeenCalledTimes(1);
    // Nobody waits, so nobody reconnects.
    expect(wire.connections).toBe(1);
  });
});

describe("when the network drops", () => {
  it("past the token's expiry, the socket comes back with a fresh one and every subscription goes on", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({ n: n++ }, 4), { autoRefresh: false });
    const api = connected(tokens);
    const callbacks = [vi.fn(), vi.fn(), vi.fn()];
    const subscriptions = callbacks.map((callback) => api.subscribe(query, {}, callback));
    await until(() => callbacks.every((callback) => callback.mock.calls.length === 1));
    wire.down = true;
    wire.cut();
    await sleep(5000);
    wire.down = false;
    await until(() => callbacks.every((callback) => callback.mock.calls.length === 2), 20_000);
    for (const callback of callbacks) {
      expect(callback.mock.calls.map(([error, result]) => error?.message ?? count(result))).toEqual([2, 2]);
    }
    // One every two seconds, which is when a 4-second token goes stale: none more for the sockets.
    expect(requests()).toBeLessThanOrEqual(5);
    expect(wire.connections).toBeLessThan(12);
    for (const subscription of subscriptions) await subscription.unsubscribe();
  });

  it("again and again, no storm of sockets follows", async () => {
    const { tokens, requests } = signer();
    const callback = vi.fn();
    const subscription = connected(tokens).subscribe(query, {}, callback);
    await until(() => callback.mock.calls.length);
    const end = Date.now() + 5000;
    while (Date.now() < end) {
      wire.cut();
      await sleep(10);
    }
    expect(wire.connections).toBeLessThan(12);
    expect(requests()).toBe(1);
    await subscription.unsubscribe();
  });

  it("in the middle of a query, that is answered nevertheless", async () => {
    const { tokens } = signer();
    const call = connected(tokens).load(slowQuery(3000));
    await sleep(1000);
    wire.cut();
    expect(count(await call)).toBe(2);
    expect(wire.connections).toBe(2);
  });
});

describe("what cannot connect", () => {
  it("with a refused token takes another, and recovers", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({}, 60, n++ ? undefined : WRONG));
    expect(count(await connected(tokens).load(query))).toBe(2);
    expect(requests()).toBe(2);
    expect(wire.connections).toBe(2);
  });

  it("with tokens that are always refused is Cube's own error, without a storm", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({ n: n++ }, 60, WRONG));
    const api = connected(tokens);
    const errors = await Promise.all(Array.from({ length: 20 }, () => caught(api.load(query))));
    for (const error of errors) expect(error).toMatchObject({ status: 403, message: "Invalid token" });
    expect(requests()).toBe(2);
    expect(wire.connections).toBe(2);
    // And again, after a pause.
    expect(await caught(api.load(query))).toMatchObject({ status: 403, message: "Invalid token" });
    expect(wire.connections).toBeLessThanOrEqual(4);
  });

  it("without a token rejects with the manager's error, and a subscription recovers", async () => {
    let signedIn = false;
    const { tokens } = signer(() =>
      signedIn ? sign() : Promise.reject(new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.")),
    );
    const api = connected(tokens, undefined, { pollInterval: 0.1 });
    expect(await caught(api.load(query))).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    const seen: unknown[] = [];
    const subscription = api.subscribe(
      query,
      {},
      (error, result) => void seen.push(error?.message ?? count(result)),
    );
    await until(() => seen.includes("Sign in again."));
    expect(wire.connections).toBe(0);
    signedIn = true;
    await tokens.getToken({ forceRefresh: true });
    await until(() => seen.includes(2), 20_000);
    await subscription.unsubscribe();
  });

  it("with a manager that was disposed rejects at once, also over an open socket", async () => {
    const { tokens } = signer();
    const api = connected(tokens);
    await api.load(query);
    tokens.dispose();
    expect(await caught(api.load(query))).toMatchObject({ code: "ERR_DISPOSED" });
    expect(await caught(api.load(query))).toMatchObject({ code: "ERR_DISPOSED" });
    await until(() => wire.open() === 0);
  });

  it("with a checkAuth that answers 500 gives that, or is told by isRejected", async () => {
    const own = await startCube({ checkAuth: "throws" });
    try {
      const { tokens, requests } = signer(() => sign({ bad: true }));
      expect(await caught(connected(tokens, own.port).load(query))).toMatchObject({ status: 500 });
      expect(requests()).toBe(1);
      let bad = true;
      const { tokens: others, requests: asked } = signer(() => {
        const token = sign(bad ? { bad } : {});
        bad = false;
        return token;
      });
      const isRejected = ({ status }: { status: number }) => status === 500;
      expect(count(await connected(others, own.port, { isRejected }).load(query))).toBe(2);
      expect(asked()).toBe(2);
    } finally {
      await own.stop();
    }
  });

  it("because the server is down, or never answers, fails within 30 s, with few sockets", async () => {
    const silent = new WebSocket.Server({ port: await freePort() });
    let greeted = 0;
    silent.on("connection", () => greeted++);
    try {
      wire.down = true;
      const started = Date.now();
      const errors = await Promise.all([
        caught(connected(signer().tokens).load(query)),
        caught(connected(signer().tokens, (silent.address() as { port: number }).port).load(query)),
      ]);
      expect(Date.now() - started).toBeLessThan(35_000);
      for (const error of errors) expect(error).toMatchObject({ message: "network Error" });
      expect(wire.connections).toBeLessThan(15);
      expect(greeted).toBeLessThan(5);
    } finally {
      silent.close();
    }
  });

  it("because the address is wrong is an error at once", async () => {
    const transport = new WebSocketTransport({ apiUrl: "nonsense" });
    expect(
      await caught(createCubeApi(signer().tokens, { apiUrl: "", transport }).load(query)),
    ).toBeInstanceOf(Error);
  });

  it.each(["not JSON", "null", "42", '"text"'])(
    "because the server sends nonsense is an error at once: %s",
    async (text) => {
      const nonsense = new WebSocket.Server({ port: await freePort() });
      nonsense.on("connection", (client: WebSocket) => client.on("message", () => client.send(text)));
      try {
        const { port } = nonsense.address() as { port: number };
        expect(await caught(connected(signer().tokens, port).load(query))).toMatchObject({
          message: expect.stringContaining("apiUrl"),
        });
      } finally {
        nonsense.close();
      }
    },
  );
});

describe("the end", () => {
  it("close() closes, and a live subscription hears it once", async () => {
    const { tokens } = signer();
    const transport = socket();
    const api = createCubeApi(tokens, { apiUrl: "", transport, pollInterval: 0.05 });
    const callback = vi.fn();
    api.subscribe(query, {}, callback);
    await until(() => callback.mock.calls.length);
    await transport.close();
    await until(() => wire.open() === 0);
    await sleep(1000);
    expect(wire.connections).toBe(1);
    expect(callback).toHaveBeenCalledTimes(2);
    expect(callback.mock.calls[1]![0]).toMatchObject({ message: "aborted" });
    // A later query opens it again, as without the wrapper.
    expect(count(await api.load(query))).toBe(2);
    await transport.close();
  });

  it("close() while connecting does not reject", async () => {
    const { tokens } = signer();
    const transport = socket();
    const call = caught(createCubeApi(tokens, { apiUrl: "", transport }).load(query));
    await until(() => transport.authorization);
    await transport.close();
    expect(await call).toMatchObject({ message: "aborted" });
    await sleep(500);
    expect(wire.open()).toBe(0);
  });

  it("sign-out closes the socket, and who waits is told", async () => {
    const { tokens } = signer();
    const api = connected(tokens, undefined, { pollInterval: 60 });
    const callback = vi.fn();
    api.subscribe(query, {}, callback);
    await until(() => callback.mock.calls.length);
    const call = caught(api.load(slowQuery(5000)));
    await sleep(500);
    await tokens.clear();
    expect(await call).toMatchObject({ code: "ERR_CLEARED" });
    await until(() => wire.open() === 0);
    expect(callback.mock.calls[1]![0]).toMatchObject({ response: { code: "ERR_CLEARED" } });
    await sleep(500);
    expect(wire.connections).toBe(1);
  });

  it("a refused new token leaves the old authorisation, and is invalidated", async () => {
    let n = 0;
    const { tokens } = signer(() => sign({ n: n++ }, 60, n === 2 ? WRONG : undefined));
    const api = connected(tokens);
    await api.load(query);
    const events: string[] = [];
    tokens.subscribe(({ type }) => events.push(type));
    await tokens.getToken({ forceRefresh: true });
    await until(() => events.includes("invalidated"));
    expect(count(await api.load(query))).toBe(2);
    expect(wire.connections).toBe(1);
  });

  it("no heartbeat piles up with each new token", async () => {
    const { tokens } = signer();
    const api = connected(tokens);
    await api.load(query);
    const set = vi.spyOn(globalThis, "setInterval");
    const clear = vi.spyOn(globalThis, "clearInterval");
    for (let n = 0; n < 5; n++) {
      await tokens.getToken({ forceRefresh: true });
      await until(() => set.mock.calls.length === n + 1);
    }
    expect(clear.mock.calls.length).toBeGreaterThanOrEqual(5);
  });
});
