import { describe, expect, it, vi } from "vitest";
import { SECRET, signer, sleep, slowQuery, startCube, until } from "../support/cube.js";
import { connected, count, query, server, wire } from "../support/sockets.js";

/** With the server up, rows arrive within this time of a wake signal or an unanswered request (ms). */
const LIMIT = 15_000;

/** The wake signals of a page. */
function openPage() {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("document", document);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  return (type: string) =>
    (["visibilitychange", "resume"].includes(type) ? document : page).dispatchEvent(new Event(type));
}

/** Counts the messages sent over sockets, by kind. */
function watchSending() {
  const sent = { tokens: 0, requests: 0 };
  const stringify = JSON.stringify;
  vi.spyOn(JSON, "stringify").mockImplementation(((value: Record<string, unknown>, ...rest: []) => {
    if (value?.authorization) sent.tokens++;
    if (value?.method && value.messageId) sent.requests++;
    return stringify(value, ...rest);
  }) as typeof JSON.stringify);
  return sent;
}

const since = (start: number) => Date.now() - start;

describe("a half-open socket", () => {
  it("is detected by an unanswered request", async () => {
    const api = connected(signer().tokens);
    await api.load(query);
    wire.freeze();
    const start = Date.now();
    expect(count(await api.load(query))).toBe(2);
    expect(since(start)).toBeLessThan(LIMIT);
    expect(wire.connections).toBe(2);
  });

  // The other signals: test/unit/websocket-probe.test.ts.
  it.each(["visibilitychange", "online"])(
    "is detected by a wake signal while a query is pending: %s",
    async (type) => {
      const wake = openPage();
      const api = connected(signer().tokens);
      const rows = api.load(slowQuery(2000));
      await until(() => server.contexts.length);
      await sleep(300);
      wire.freeze();
      await sleep(100);
      const start = Date.now();
      wake(type);
      expect(count(await rows)).toBe(2);
      expect(since(start)).toBeLessThan(LIMIT);
      expect(wire.connections).toBe(2);
    },
  );

  it("is detected by a wake signal while idle, so that the next query is answered at once", async () => {
    const wake = openPage();
    const api = connected(signer().tokens);
    await api.load(query);
    wire.freeze();
    wake("online");
    await sleep(5500);
    const start = Date.now();
    expect(count(await api.load(query))).toBe(2);
    expect(since(start)).toBeLessThan(3000);
  });

  it("does not affect a subscription, which continues over the next one", async () => {
    const wake = openPage();
    const callback = vi.fn();
    const subscription = connected(signer().tokens).subscribe(query, {}, callback);
    await until(() => callback.mock.calls.length === 1);
    wire.freeze();
    wake("focus");
    await until(() => callback.mock.calls.length === 2, LIMIT);
    expect(callback.mock.calls.map(([error, result]) => error?.message ?? count(result))).toEqual([2, 2]);
    await subscription.unsubscribe();
  });
});

describe("a slow server", () => {
  /** Sends nothing while a query runs: "Continue wait" comes after 90 s, the longest that Cube allows. */
  const silent = () => startCube({ apiSecret: SECRET, orchestratorOptions: { continueWaitTimeout: 90 } });

  it("keeps its socket, and gets one request", async () => {
    const { port } = await silent();
    wire.target = port;
    const sent = watchSending();
    const rows = connected(signer().tokens).load(slowQuery(12_000));
    expect(count(await rows)).toBe(2);
    expect(wire.connections).toBe(1);
    // The handshake and one probe.
    expect(sent).toEqual({ tokens: 2, requests: 1 });
  });

  it("keeps it through every wake signal", async () => {
    const { port } = await silent();
    wire.target = port;
    const wake = openPage();
    const rows = connected(signer().tokens).load(slowQuery(5000));
    for (let n = 0; n < 4; n++) {
      await sleep(1000);
      wake("focus");
      wake("visibilitychange");
    }
    expect(count(await rows)).toBe(2);
    expect(wire.connections).toBe(1);
  });

  it('that sends "Continue wait" every second is never probed', async () => {
    const sent = watchSending();
    expect(count(await connected(signer().tokens).load(slowQuery(8000)))).toBe(2);
    expect(wire.connections).toBe(1);
    expect(sent.tokens).toBe(1);
  });
});
