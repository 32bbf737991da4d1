import WebSocketTransport from "@cubejs-client/ws-transport";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { CubeTokenError, type CubeTransport, withTokens } from "../../src/index.js";
import FakeSocket from "../support/fake-ws.js";
import { Provider } from "../support/provider.js";
import { sendOver } from "../support/socket-requests.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";
import "../support/setup.js";

// biome-ignore lint/suspicious/noExplicitAny: results pass through, whatever they are.
type Result = any;

let tokens: Provider;
let transport: InstanceType<typeof WebSocketTransport>;

beforeEach(() => {
  new World();
  FakeSocket.reset();
  tokens = new Provider();
  transport = withTokens(new WebSocketTransport({ apiUrl: "ws://cube.test/" }), tokens);
});

const send = (method?: string, params?: Record<string, unknown>, repeatedly = false) =>
  sendOver(transport, method, params, () => repeatedly);

const sockets = () => FakeSocket.all.length;

describe("a connection", () => {
  it("is opened with the current token, once for all requests", async () => {
    const first = send();
    const second = send("meta", {});
    await advance(SECOND);
    expect(first.answers).toEqual([{ status: 200, rows: 1 }]);
    expect(second.answers).toEqual([{ status: 200, rows: 2 }]);
    expect(sockets()).toBe(1);
    expect(FakeSocket.last().tokens).toEqual(["t1"]);
    expect(FakeSocket.last().requests).toMatchObject([
      { method: "load", params: { query: "q" } },
      { method: "meta" },
    ]);
    const third = send();
    await advance(SECOND);
    expect(third.answers).toEqual([{ status: 200, rows: 3 }]);
    expect(sockets()).toBe(1);
  });

  it("is not opened without a request", async () => {
    await advance(MINUTE);
    expect(sockets()).toBe(0);
    expect(tokens.asked.length).toBe(0);
    expect(tokens.listeners.size).toBe(0);
  });

  it("is not opened for a request that was aborted while the token was fetched", async () => {
    let open = () => {};
    tokens.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { request, answers } = send();
    await advance(200);
    request.unsubscribe?.();
    open();
    await advance(SECOND);
    expect(sockets()).toBe(0);
    expect(answers).toEqual([]);
    expect(tokens.listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("with a refused token is replaced at once by one with a new token, which answers the request", async () => {
    FakeSocket.accepts = (token) => token !== "t1";
    const { answers } = send();
    await advance(SECOND);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
    expect(tokens.invalidated).toEqual(["t1"]);
    expect(FakeSocket.all.map(({ tokens }) => tokens)).toEqual([["t1"], ["t2"]]);
    expect(FakeSocket.all[0]!.readyState).toBe(3);
  });

  it("that is refused with every token gives the server's own answer", async () => {
    FakeSocket.accepts = () => false;
    const { answers } = send();
    await advance(MINUTE);
    expect(answers).toEqual([{ status: 403, error: "Invalid token" }]);
    expect(tokens.invalidated).toEqual(["t1", "t2"]);
    expect(sockets()).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that is refused is not retried with the same token", async () => {
    FakeSocket.accepts = () => false;
    tokens.replaces = false;
    const { answers } = send();
    await advance(MINUTE);
    expect(answers).toEqual([{ status: 403, error: "Invalid token" }]);
    expect(sockets()).toBe(1);
    expect(tokens.invalidated).toContain("t1");
  });

  it("that fails with another error reports that, without another token", async () => {
    FakeSocket.accepts = () => false;
    FakeSocket.refusal = { status: 500, message: { error: "Internal" } };
    const { answers } = send();
    await advance(MINUTE);
    expect(answers).toEqual([{ status: 500, error: "Internal" }]);
    expect(tokens.invalidated).toEqual([]);
    expect(sockets()).toBe(1);
  });

  it("that is refused without a message reports the status", async () => {
    FakeSocket.accepts = () => false;
    FakeSocket.refusal = { status: 500 };
    const { answers } = send();
    await advance(MINUTE);
    expect(answers).toEqual([{ status: 500, error: "" }]);
  });

  it("leaves the decision about a refusal to isRejected", async () => {
    const own = withTokens(new WebSocketTransport({ apiUrl: "ws://cube.test/" }), tokens, {
      isRejected: ({ status, error }) => status === 500 && error === "Signature is wrong",
    });
    FakeSocket.accepts = (token) => token !== "t1";
    FakeSocket.refusal = { status: 500, message: { error: "Signature is wrong" } };
    let rows: unknown;
    own.request("load", {}).subscribe(async (result: Result) => {
      rows = JSON.parse(await result.text());
    });
    await advance(SECOND);
    expect(rows).toEqual({ rows: 1 });
    expect(tokens.invalidated).toEqual(["t1"]);
  });
});

describe("without a server", () => {
  it("attempts are separated by pauses of up to ten seconds, and the request fails after thirty", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    FakeSocket.mode = "down";
    const start = performance.now();
    const { answers } = send("load", {}, true);
    await advance(29 * SECOND);
    const times = FakeSocket.all.map(({ openedAt }) => Math.round((openedAt - start) / 1000));
    expect(times).toEqual([0, 1, 3, 7, 15, 25]);
    expect(answers).toEqual([]);
    await advance(2 * SECOND);
    expect(answers).toEqual([{ error: "network Error" }]);
  });

  it("attempts end once no request is pending", async () => {
    FakeSocket.mode = "down";
    const { request } = send();
    await advance(3 * SECOND);
    const before = sockets();
    request.unsubscribe?.();
    await advance(MINUTE);
    expect(sockets()).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
    expect(tokens.listeners.size).toBe(0);
  });

  it("a later request is served as soon as the server is back", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    FakeSocket.mode = "down";
    const { request } = send();
    await advance(3 * SECOND);
    request.unsubscribe?.();
    FakeSocket.mode = "up";
    const { answers } = send();
    await advance(11 * SECOND);
    expect(answers).toMatchObject([{ status: 200 }]);
  });

  it("a server that accepts the socket and never answers has ten seconds", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    FakeSocket.mode = "silent";
    const { answers } = send();
    await advance(9.8 * SECOND);
    expect(sockets()).toBe(1);
    expect(FakeSocket.last().readyState).toBe(1);
    FakeSocket.mode = "up";
    await advance(SECOND);
    expect(FakeSocket.all[0]!.readyState).toBe(3);
    expect(sockets()).toBe(2);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
  });

  it("and without a token, a request rejects with the manager's error; the next one recovers", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    const { answers } = await sent();
    expect(answers).toEqual([{ status: 0, error: "Offline.", code: "ERR_NETWORK" }]);
    expect(sockets()).toBe(0);
    tokens.failure = undefined;
    expect((await sent()).answers).toMatchObject([{ status: 200 }]);
  });
});

async function sent(wait = SECOND) {
  const outcome = send();
  await advance(wait);
  return outcome;
}

describe("a lost connection", () => {
  it("is restored with the current token, and pending requests are answered", async () => {
    FakeSocket.answer = () => {};
    const { answers } = await sent();
    expect(FakeSocket.last().requests.length).toBe(1);
    tokens.serial = 7;
    FakeSocket.reset();
    const lost = (transport as unknown as { ws: FakeSocket }).ws;
    lost.cut();
    await advance(2 * SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t7"]);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
  });

  it("that had lasted is restored at once; one that had not, after a growing pause", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    FakeSocket.answer = () => {};
    send("subscribe", {}, true);
    await advance(20 * SECOND);
    const gaps: number[] = [];
    for (let n = 0; n < 4; n++) {
      const before = performance.now();
      const count = sockets();
      FakeSocket.last().cut();
      while (sockets() === count) await advance(100);
      gaps.push(Math.round((performance.now() - before) / 1000));
      await advance(500);
    }
    // The first connection had lasted; for the others, the backoff continues.
    expect(gaps[0]).toBe(1);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(10);
  });

  it("without requests stays closed", async () => {
    await sent();
    FakeSocket.last().cut();
    await advance(MINUTE);
    expect(sockets()).toBe(1);
    expect(tokens.listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a new token", () => {
  it("is sent over the open socket, without effect on subscriptions", async () => {
    FakeSocket.answer = (socket, { messageId }) => socket.say({ messageId, status: 200, message: { n: 1 } });
    const { answers } = send("subscribe", {}, true);
    await advance(SECOND);
    tokens.refresh();
    await advance(SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t1", "t2"]);
    expect(sockets()).toBe(1);
    expect(answers.length).toBe(1);
    // The same token is not sent twice.
    tokens.emit({ type: "refreshed", from: "storage" });
    await advance(SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t1", "t2"]);
  });

  it("starts no second heartbeat", async () => {
    send("subscribe", {}, true);
    await advance(SECOND);
    const before = vi.getTimerCount();
    for (let n = 0; n < 5; n++) {
      tokens.refresh();
      await advance(SECOND);
    }
    expect(vi.getTimerCount()).toBe(before);
  });

  it("that is refused is invalidated, and the old authorization stays", async () => {
    const { answers } = send("subscribe", {}, true);
    await advance(SECOND);
    FakeSocket.accepts = (token) => token !== "t2";
    tokens.refresh();
    await advance(SECOND);
    expect(tokens.invalidated).toEqual(["t2"]);
    expect(FakeSocket.last().readyState).toBe(1);
    expect(answers.length).toBe(1);
  });

  it("that fails with another error is kept", async () => {
    send("subscribe", {}, true);
    await advance(SECOND);
    FakeSocket.accepts = () => false;
    FakeSocket.refusal = { status: 500, message: { error: "Internal" } };
    tokens.refresh();
    await advance(SECOND);
    expect(tokens.invalidated).toEqual([]);
  });

  it("is not sent without a connection, or if it cannot be fetched", async () => {
    await sent();
    const [socket] = FakeSocket.all;
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    tokens.refresh();
    await advance(SECOND);
    expect(socket!.tokens).toEqual(["t1"]);
    tokens.failure = undefined;
    socket!.readyState = 2;
    tokens.refresh();
    await advance(SECOND);
    expect(socket!.tokens).toEqual(["t1"]);
  });

  it("that Cube refuses for a query is replaced over another connection", async () => {
    FakeSocket.answer = (socket, { messageId }) =>
      socket.tokens[0] === "t1"
        ? socket.say({ messageId, status: 403, message: { error: "Token is expired" } })
        : socket.say({ messageId, status: 200, message: { rows: messageId } });
    const { answers } = await sent(2 * SECOND);
    expect(answers).toMatchObject([{ status: 200 }]);
    expect(tokens.invalidated).toEqual(["t1"]);
    expect(FakeSocket.all.map(({ tokens }) => tokens)).toEqual([["t1"], ["t2"]]);
    expect(FakeSocket.all[0]!.readyState).toBe(3);
  });
});

describe("the end", () => {
  it("of the session closes the socket, and rejects pending requests", async () => {
    FakeSocket.answer = () => {};
    const waiting = await sent();
    tokens.emit({ type: "cleared", from: "here" });
    await advance(SECOND);
    expect(waiting.answers).toMatchObject([
      { error: "Signed out while waiting. Query again after signing in." },
    ]);
    expect(FakeSocket.last().readyState).toBe(3);
    // Other events change nothing.
    const next = await sent();
    tokens.emit({ type: "invalidated" });
    await advance(SECOND);
    expect(next.answers).toEqual([]);
    expect(FakeSocket.last().readyState).toBe(1);
  });

  it("of the manager ends pending requests, even over an open socket", async () => {
    await sent();
    FakeSocket.answer = () => {};
    tokens.failure = new CubeTokenError("ERR_DISPOSED", "Disposed.");
    const { answers } = await sent();
    expect(answers).toMatchObject([{ code: "ERR_DISPOSED" }]);
    expect(FakeSocket.last().readyState).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
    expect(tokens.listeners.size).toBe(0);
  });

  it("does not follow another error of the manager over an open socket", async () => {
    await sent();
    tokens.failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    expect((await sent()).answers).toEqual([{ status: 200, rows: 2 }]);
  });

  it("of the transport closes the socket, and notifies pending requests once", async () => {
    FakeSocket.answer = () => {};
    const { answers } = send("subscribe", {}, true);
    await advance(SECOND);
    await transport.close();
    await advance(MINUTE);
    expect(answers).toEqual([{ error: "aborted" }]);
    expect(FakeSocket.last().readyState).toBe(3);
    expect(sockets()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of a request by its signal is reported once, and the signal is not sent", async () => {
    FakeSocket.answer = () => {};
    const controller = new AbortController();
    const { answers } = send("load", { query: "q", signal: controller.signal });
    await advance(SECOND);
    expect(FakeSocket.last().requests[0]!.params).toEqual({ query: "q" });
    controller.abort();
    await advance(SECOND);
    expect(answers).toEqual([{ error: "aborted" }]);
  });

  it("of a request by its signal is final: it is not sent again", async () => {
    FakeSocket.answer = () => {};
    const controller = new AbortController();
    const { answers } = send("subscribe", { signal: controller.signal }, true);
    await advance(SECOND);
    controller.abort();
    await advance(MINUTE);
    expect(answers).toEqual([{ error: "aborted" }]);
    expect(FakeSocket.last().requests.length).toBe(1);
  });

  it("of a request whose signal was already aborted is immediate", async () => {
    const { answers } = send("load", { signal: AbortSignal.abort() });
    await advance(SECOND);
    expect(answers).toEqual([{ error: "aborted" }]);
  });

  it("by unsubscribe() is final: no result follows", async () => {
    FakeSocket.answer = () => {};
    const { answers, request } = send("subscribe", {}, true);
    await advance(SECOND);
    request.unsubscribe?.();
    await advance(SECOND);
    FakeSocket.last().say({ messageId: 1, status: 200, message: { late: true } });
    await advance(SECOND);
    expect(answers).toEqual([]);
    expect(FakeSocket.last().got.at(-1)).toEqual({ unsubscribe: 1 });
  });
});

describe("a message of the server", () => {
  it.each(["<html>", "null", "1"])("is an error if it is not one of Cube's: %s", async (text) => {
    FakeSocket.answer = (socket) => socket.say(text);
    const { answers } = await sent();
    expect(answers).toMatchObject([
      {
        status: 0,
        error: "The WebSocket server does not send Cube's messages. Check apiUrl.",
      },
    ]);
    expect(FakeSocket.all[0]!.readyState).toBe(3);
  });

  it('"Continue wait" repeats the request at once', async () => {
    let waits = 3;
    FakeSocket.answer = (socket, { messageId }) =>
      waits-- > 0
        ? socket.say({ messageId, status: 200, message: { error: "Continue wait" } })
        : socket.say({ messageId, status: 200, message: { rows: 1 } });
    const { answers } = send("load", {}, true);
    await advance(2 * SECOND);
    expect(FakeSocket.last().requests.length).toBe(4);
    expect(answers.at(-1)).toEqual({ status: 200, rows: 1 });
  });

  it('"Continue wait" to a subscription is left to the server, which continues automatically', async () => {
    FakeSocket.answer = (socket, { messageId }) =>
      socket.say({ messageId, status: 200, message: { error: "Continue wait" } });
    send("subscribe", {}, true);
    await advance(2 * SECOND);
    expect(FakeSocket.last().requests.length).toBe(1);
  });

  it("over an abandoned socket is ignored", async () => {
    FakeSocket.answer = () => {};
    const { answers } = await sent();
    const [old] = FakeSocket.all;
    tokens.emit({ type: "cleared", from: "here" });
    await advance(SECOND);
    answers.length = 0;
    old!.say("<html>");
    old!.say({ messageId: 1, status: 200, message: { rows: 1 } });
    await advance(SECOND);
    expect(answers).toEqual([]);
  });
});

it("a transport without the required members is treated as one over HTTP", async () => {
  for (const missing of ["ws", "messageQueue", "messageIdToSubscription", "initSocket", "close"]) {
    const members: Record<string, unknown> = {
      ws: null,
      messageQueue: [],
      messageIdToSubscription: {},
      initSocket() {},
      close() {},
    };
    delete members[missing];
    const seen: (string | undefined)[] = [];
    const plain = {
      ...members,
      authorization: undefined as string | undefined,
      request: () => ({
        subscribe: async (callback: (result: Result, again: () => Promise<unknown>) => unknown) => {
          seen.push(plain.authorization);
          return callback({ status: 200, text: async () => "{}" }, async () => {});
        },
      }),
    };
    await withTokens(plain as CubeTransport, tokens)
      .request("load", {})
      .subscribe(() => "done");
    expect(seen, missing).toEqual(["t1"]);
  }
});

describe("a server that accepts every connection and cuts it at once", () => {
  it("is retried with pauses of up to ten seconds, even after a connection that had lasted", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    FakeSocket.answer = () => {};
    send("subscribe");
    await advance(15 * SECOND);
    expect(sockets()).toBe(1);
    for (let time = 0; time < 2 * MINUTE; time += 50) {
      const last = FakeSocket.last();
      if (last.readyState === 1 && performance.now() - last.openedAt > 60) last.cut();
      await advance(50);
    }
    expect(sockets()).toBeLessThanOrEqual(17);
  });
});
