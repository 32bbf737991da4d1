import WebSocketTransport from "@cubejs-client/ws-transport";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withTokens } from "../../src/index.js";
import FakeSocket from "../support/fake-ws.js";
import { Provider } from "../support/provider.js";
import { sendOver } from "../support/socket-requests.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";
import "../support/setup.js";

let tokens: Provider;
let transport: InstanceType<typeof WebSocketTransport>;

beforeEach(() => {
  new World();
  FakeSocket.reset();
  tokens = new Provider();
  transport = withTokens(new WebSocketTransport({ apiUrl: "ws://cube.test/" }), tokens);
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => transport.close());

const send = (method?: string) => sendOver(transport, method);
const wake = (type = "focus") =>
  (["visibilitychange", "resume"].includes(type) ? document : globalThis).dispatchEvent(new Event(type));
const sockets = () => FakeSocket.all.length;
const goDead = () => {
  FakeSocket.last().isDead = true;
};
async function opened() {
  send();
  await advance(15 * SECOND);
  expect(sockets()).toBe(1);
}

describe("a half-open socket", () => {
  it("is detected by an unanswered request within 15 s", async () => {
    await opened();
    goDead();
    const { answers } = send();
    await advance(14 * SECOND);
    expect(answers).toEqual([{ status: 200, rows: 2 }]);
    expect(sockets()).toBe(2);
    expect(FakeSocket.all[0]!.tokens).toEqual(["t1", "t1"]);
    expect(FakeSocket.all[0]!.readyState).toBe(3);
  });

  it("is detected by one of many requests in a row", async () => {
    await opened();
    goDead();
    const all = [];
    for (let n = 0; n < 14; n++) {
      all.push(send());
      await advance(SECOND);
    }
    expect(all[0]!.answers).toMatchObject([{ status: 200 }]);
    await advance(SECOND);
    for (const { answers } of all) expect(answers).toMatchObject([{ status: 200 }]);
    expect(sockets()).toBe(2);
  });

  it.each(["visibilitychange", "resume", "pageshow", "online", "focus"])(
    "is detected by a wake signal: %s",
    async (type) => {
      const { answers } = send("subscribe");
      await advance(MINUTE / 2);
      expect(answers.length).toBe(1);
      goDead();
      wake(type);
      await advance(7 * SECOND);
      expect(answers.length).toBe(2);
      expect(sockets()).toBe(2);
    },
  );

  it("is detected by a wake signal without pending requests, and not replaced", async () => {
    await opened();
    goDead();
    wake();
    await advance(6 * SECOND);
    expect(FakeSocket.last().readyState).toBe(3);
    await advance(MINUTE);
    expect(sockets()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(tokens.listeners.size).toBe(0);
  });

  it("is detected by an unanswered new token", async () => {
    await opened();
    goDead();
    tokens.refresh();
    await advance(6 * SECOND);
    expect(FakeSocket.last().readyState).toBe(3);
  });

  it("is detected however often the page wakes, despite new tokens in between", async () => {
    const { answers } = send("subscribe");
    await advance(MINUTE / 2);
    goDead();
    for (let n = 0; n < 14; n++) {
      wake();
      if (n % 2) tokens.refresh();
      await advance(SECOND / 2);
    }
    expect(answers.length).toBe(2);
    expect(sockets()).toBe(2);
  });

  it("is not kept because of a late message", async () => {
    const { answers } = send("subscribe");
    await advance(MINUTE / 2);
    goDead();
    wake();
    await advance(SECOND);
    FakeSocket.last().say({ messageId: 1, status: 200, message: { old: true } });
    await advance(6 * SECOND);
    expect(sockets()).toBe(2);
    expect(answers.length).toBe(3);
  });

  it("is detected in the middle of a handshake after failed attempts", async () => {
    FakeSocket.mode = "down";
    const { answers } = send();
    await advance(14.9 * SECOND);
    FakeSocket.mode = "silent";
    await advance(0.2 * SECOND);
    expect(FakeSocket.last().readyState).toBe(1);
    await advance(SECOND);
    FakeSocket.mode = "up";
    goDead();
    wake();
    await advance(12 * SECOND);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
  });
});

describe("a wake signal", () => {
  it("ends the pause between attempts", async () => {
    FakeSocket.mode = "down";
    const { answers } = send();
    await advance(16 * SECOND);
    FakeSocket.mode = "up";
    wake("online");
    await advance(SECOND);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
  });

  it("sends one token, however many arrive at once", async () => {
    await opened();
    for (const type of ["visibilitychange", "pageshow", "focus", "online"]) wake(type);
    await advance(SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t1", "t1"]);
    expect(sockets()).toBe(1);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("of a hidden page is ignored", async () => {
    await opened();
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    wake("visibilitychange");
    await advance(SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t1"]);
    wake("online");
    await advance(SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t1", "t1"]);
  });

  it("is not listened to without a connection, and opens none", async () => {
    await opened();
    await transport.close();
    const { length } = tokens.asked;
    const listened = vi.spyOn(globalThis, "addEventListener");
    wake();
    await advance(MINUTE);
    expect(sockets()).toBe(1);
    expect(tokens.asked.length).toBe(length);
    expect(listened).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("whose probe the server refuses invalidates the token, and keeps the socket", async () => {
    await opened();
    FakeSocket.accepts = () => false;
    wake();
    await advance(MINUTE);
    expect(tokens.invalidated).toEqual(["t1"]);
    expect(FakeSocket.last().readyState).toBe(1);
    expect(sockets()).toBe(1);
  });
});

describe("a slow query", () => {
  it("is not cut while the server answers probes, one per heartbeat", async () => {
    FakeSocket.answer = () => {};
    const { answers } = send();
    await advance(10 * MINUTE);
    expect(sockets()).toBe(1);
    expect(FakeSocket.last().tokens.length).toBeLessThanOrEqual(11);
    expect(FakeSocket.last().tokens.length).toBeGreaterThan(5);
    FakeSocket.last().say({ messageId: 1, status: 200, message: { rows: 1 } });
    await advance(SECOND);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
  });

  it('with a "Continue wait" every 5 s is not probed', async () => {
    FakeSocket.answer = (socket, { messageId }) =>
      setTimeout(() => socket.say({ messageId, status: 200, message: { error: "Continue wait" } }), 5000);
    sendOver(transport, "load", {}, () => true);
    await advance(5 * MINUTE);
    expect(FakeSocket.last().tokens).toEqual(["t1"]);
    expect(sockets()).toBe(1);
  });

  it("is not probed while other messages arrive over its socket", async () => {
    FakeSocket.answer = () => {};
    send();
    await advance(SECOND);
    for (let n = 0; n < 10; n++) {
      FakeSocket.last().say({ messageProcessedId: "7" });
      await advance(5 * SECOND);
    }
    expect(FakeSocket.last().tokens).toEqual(["t1"]);
  });

  it("that is aborted leaves no timer but the heartbeat of Cube's transport", async () => {
    FakeSocket.answer = () => {};
    const { request } = send();
    await advance(SECOND);
    request.unsubscribe?.();
    await advance(SECOND);
    expect(vi.getTimerCount()).toBe(1);
    await advance(MINUTE);
    expect(FakeSocket.last().tokens).toEqual(["t1"]);
    await transport.close();
    await advance(SECOND);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("the heartbeat of a socket without a close event ends with the socket", async () => {
  await opened();
  goDead();
  FakeSocket.last().close = () => {};
  wake();
  await advance(6 * SECOND);
  expect(vi.getTimerCount()).toBe(0);
});

it("keeps no Node process alive with its own timers", async () => {
  const unreffed: number[] = [];
  const setTimer = globalThis.setTimeout;
  vi.stubGlobal("setTimeout", (callback: () => void, delay: number, ...rest: []) => {
    const timer = setTimer(callback, delay, ...rest);
    return Object.assign(Object(timer), { unref: () => unreffed.push(delay) });
  });
  FakeSocket.answer = () => {};
  send();
  await advance(2 * SECOND);
  wake();
  await advance(SECOND);
  expect(unreffed).toEqual([6000, 5000]);
});
