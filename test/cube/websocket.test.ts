import cube, { CubeApi } from "@cubejs-client/core";
import { describe, expect, it, vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { caught, sign, signer, sleep, slowQuery, until, WRONG } from "../support/cube.js";
import { connected, count, query, server, socket, transports, wire } from "../support/sockets.js";

/** Internals of `@cubejs-client/ws-transport` that this package uses. */
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
    const api = cube(async () => "not.a.token", { apiUrl: "", transport });
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
    // Some 700 in a second through this wire; the wrapper's number is below.
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

  it("a new token is sent before the old one expires, without a reconnect", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({ n: n++ }, { ttl: 4 }));
    const api = connected(tokens);
    server.contexts.length = 0;
    const callback = vi.fn();
    const subscription = api.subscribe(query, {}, callback);
    const slow = api.load(slowQuery(6000));
    await sleep(10_000);
    expect(wire.connections).toBe(1);
    expect(requests()).toBeGreaterThanOrEqual(3);
    // The server received each of them, and none after its expiry.
    const seen = new Set(server.contexts.map((context) => context.n));
    expect(seen.size).toBeGreaterThanOrEqual(3);
    expect(count(await slow)).toBe(2);
    // The subscription was not sent again: it got one result.
    expect(callback).toHaveBeenCalledTimes(1);
    expect(callback.mock.calls[0]![0]).toBeNull();
    await subscription.unsubscribe();
  });

  it("by comparison, a reconnect resends each subscription's result", async () => {
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

  it("a slow query is answered soon after its completion", async () => {
    const { tokens } = signer();
    const started = Date.now();
    expect(count(await connected(tokens).load(slowQuery(3000)))).toBe(2);
    // Without the wrapper, it takes the heartbeat of 60 s.
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it("a signal does not cause a 400, and ends the query", async () => {
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

  it("an aborted subscription is notified once", async () => {
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

  it("no result follows unsubscribe()", async () => {
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
    // Without pending requests there is no reconnect.
    expect(wire.connections).toBe(1);
  });
});

describe("wrapped twice", () => {
  it("for one manager, as in StrictMode, opens one socket", async () => {
    const { tokens, requests } = signer();
    const transport = socket();
    transports.push(transport);
    const apis = [1, 2].map(() => createCubeApi(tokens, { apiUrl: "", transport }));
    const started = Date.now();
    const results = await Promise.all(apis.map((api) => api.load(query)));
    expect(results.map(count)).toEqual([2, 2]);
    expect(Date.now() - started).toBeLessThan(5000);
    expect(wire.connections).toBe(1);
    expect(requests()).toBe(1);
  });

  it("for the next user opens one socket with that user's token, and ends everything of the first", async () => {
    const [ada, grace] = ["ada", "grace"].map((sub) => signer(() => sign({ sub })).tokens);
    const transport = socket();
    transports.push(transport);
    const before = createCubeApi(ada!, { apiUrl: "", transport, pollInterval: 0.05 });
    const seen: unknown[] = [];
    before.subscribe(query, {}, (error, result) => {
      seen.push(error ? (error as Error & { response: { code: string } }).response.code : count(result));
    });
    await until(() => seen.length === 1);
    const slow = caught(before.load(slowQuery(3000)));
    await sleep(500);
    server.contexts.length = 0;
    const after = createCubeApi(grace!, { apiUrl: "", transport });
    expect(await slow).toMatchObject({ code: "ERR_CLEARED" });
    await until(() => wire.open() === 0);
    await sleep(500);
    expect(seen).toEqual([2, "ERR_CLEARED"]);
    expect(wire.connections).toBe(1);
    server.contexts.length = 0;
    const started = Date.now();
    expect(count(await after.load(query))).toBe(2);
    expect(count(await before.load({ ...query, limit: 7 }))).toBe(2);
    expect(Date.now() - started).toBeLessThan(5000);
    expect(wire.connections).toBe(2);
    expect(new Set(server.contexts.map(({ sub }) => sub))).toEqual(new Set(["grace"]));
  });
});

describe("when the network drops", () => {
  it("beyond the token's expiry, the socket reconnects with a fresh one and every subscription continues", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({ n: n++ }, { ttl: 4 }), { autoRefresh: false });
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
    // One every two seconds, when a 4-second token becomes stale: the sockets cause no more.
    expect(requests()).toBeLessThanOrEqual(5);
    expect(wire.connections).toBeLessThan(12);
    for (const subscription of subscriptions) await subscription.unsubscribe();
  });

  it("repeatedly, no storm of sockets follows", async () => {
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

  it("in the middle of a query, it is still answered", async () => {
    const { tokens } = signer();
    const call = connected(tokens).load(slowQuery(3000));
    await sleep(1000);
    wire.cut();
    expect(count(await call)).toBe(2);
    expect(wire.connections).toBe(2);
  });
});

describe("the end", () => {
  it("close() closes the socket, and notifies a live subscription once", async () => {
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
    // A later query reopens it, as without the wrapper.
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

  it("a sign-out closes the socket and rejects pending calls", async () => {
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

  it("a refused new token is invalidated, and leaves the old authorization", async () => {
    let n = 0;
    const { tokens } = signer(() => sign({ n: n++ }, { secret: n === 2 ? WRONG : undefined }));
    const api = connected(tokens);
    await api.load(query);
    const events: string[] = [];
    tokens.subscribe(({ type }) => events.push(type));
    await tokens.getToken({ forceRefresh: true });
    await until(() => events.includes("invalidated"));
    expect(count(await api.load(query))).toBe(2);
    expect(wire.connections).toBe(1);
  });

  it("new tokens do not add heartbeats", async () => {
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
