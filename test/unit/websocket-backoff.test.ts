import WebSocketTransport from "@cubejs-client/ws-transport";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { afterFailure, afterLoss, NO_FAILURES } from "../../src/cube/socket/backoff.js";
import { withTokens } from "../../src/index.js";
import FakeSocket from "../support/fake-ws.js";
import { Provider } from "../support/provider.js";
import { sendOver } from "../support/socket-requests.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";
import "../support/setup.js";

const NOW = 50_000;

describe("the pause before the next attempt to connect", () => {
  it.each([
    // failures before, random, longest pause
    [0, 1, 1000],
    [0, 0.5, 500],
    [0, 0, 0],
    [1, 1, 2000],
    [2, 1, 4000],
    [3, 1, 8000],
    [4, 1, 10_000],
    [4, 0.25, 2500],
    [10, 1, 10_000],
    [5000, 1, 10_000],
  ])("after %i failures and one more, with a random value of %f, is %i ms", (failures, random, pause) => {
    expect(afterFailure({ failures, retryAt: 0 }, NOW, random)).toEqual({
      failures: failures + 1,
      retryAt: NOW + pause,
    });
  });

  it.each([
    // how long it was open, failures before, failures after
    [0, 0, 1],
    [0, 4, 5],
    [9999, 4, 5],
    [10_000, 4, 5],
    [10_001, 4, 1],
    [3_600_000, 4, 1],
  ])("after a connection of %i ms and %i earlier failures counts %i", (open, failures, after) => {
    const backoff = afterLoss({ failures, retryAt: 0 }, NOW - open, NOW, 1);
    expect(backoff.failures).toBe(after);
    expect(backoff).toEqual(
      afterFailure(after === 1 ? NO_FAILURES : { failures: after - 1, retryAt: 0 }, NOW, 1),
    );
  });
});

describe("a page that asks without a pause", () => {
  let tokens: Provider;
  let transport: InstanceType<typeof WebSocketTransport>;

  beforeEach(() => {
    new World();
    FakeSocket.reset();
    vi.spyOn(Math, "random").mockReturnValue(1);
    tokens = new Provider();
    transport = withTokens(new WebSocketTransport({ apiUrl: "ws://cube.test/" }), tokens);
  });
  afterEach(() => transport.close());
  const sockets = () => FakeSocket.all.length;

  it("opens no storm of sockets if every token is refused: two sockets between growing pauses", async () => {
    FakeSocket.accepts = () => false;
    sendOver(transport, "subscribe");
    await advance(MINUTE);
    // After 0, 1, 3, 7, 15, 25, 35, 45, 55 s.
    expect(sockets()).toBe(18);
  });

  it("opens none if the token is accepted and every query is refused", async () => {
    FakeSocket.answer = (socket, { messageId }) =>
      socket.say({ messageId, status: 403, message: { error: "Invalid token" } });
    // A subscription over a socket is not sent again; queries in a loop are.
    for (let time = 0; time < MINUTE; time += 200) {
      sendOver(transport);
      await advance(200);
    }
    expect(sockets()).toBeGreaterThan(4);
    expect(sockets()).toBeLessThan(18);
  });

  it("opens none if there is no token", async () => {
    tokens.failure = new Error("Offline.");
    sendOver(transport, "subscribe");
    await advance(MINUTE);
    expect(tokens.asked.length).toBeLessThan(12);
    expect(sockets()).toBe(0);
  });

  it("reconnects within a second if the connection had lasted, despite new tokens in between", async () => {
    FakeSocket.mode = "down";
    FakeSocket.answer = () => {};
    sendOver(transport, "subscribe");
    await advance(10 * SECOND);
    FakeSocket.mode = "up";
    await advance(6 * SECOND);
    for (let n = 0; n < 4; n++) {
      tokens.refresh();
      await advance(4 * SECOND);
    }
    expect(FakeSocket.last().tokens.length).toBe(5);
    const before = sockets();
    FakeSocket.last().cut();
    await advance(1.1 * SECOND);
    expect(sockets()).toBe(before + 1);
  });
});
