import { HttpTransport } from "@cubejs-client/core";
import WebSocketTransport from "@cubejs-client/ws-transport";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { withTokens } from "../../src/index.js";
import FakeSocket from "../support/fake-ws.js";
import { Provider } from "../support/provider.js";
import { sendOver } from "../support/socket-requests.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";
import "../support/setup.js";

/** Ada's tokens are "t100" and so on, Grace's "t200" and so on. */
const provider = (serial: number) => Object.assign(new Provider(), { serial });
let ada: Provider;
let grace: Provider;

beforeEach(() => {
  ada = provider(100);
  grace = provider(200);
});

describe("a WebSocketTransport that is wrapped twice", () => {
  let raw: InstanceType<typeof WebSocketTransport>;
  const used = () => FakeSocket.all.map(({ tokens }) => tokens);

  beforeEach(() => {
    new World();
    FakeSocket.reset();
    raw = new WebSocketTransport({ apiUrl: "ws://cube.test/" });
  });

  it.each([
    ["itself", (transport: typeof raw) => transport],
    ["its wrapping", (transport: typeof raw) => withTokens(transport, ada)],
  ])("for one manager has one socket for both: %s", async (_, again) => {
    const first = withTokens(raw, ada);
    const second = withTokens(again(raw), ada);
    const answers = [sendOver(first), sendOver(second)];
    await advance(SECOND);
    for (const { answers: each } of answers) expect(each).toMatchObject([{ status: 200 }]);
    expect(used()).toEqual([["t100"]]);
    ada.refresh();
    await advance(SECOND);
    expect(used()).toEqual([["t100", "t101"]]);
  });

  it("for one manager leaves a pending query alone", async () => {
    FakeSocket.answer = () => {};
    const { answers } = sendOver(withTokens(raw, ada));
    await advance(SECOND);
    withTokens(raw, ada);
    FakeSocket.last().say({ messageId: 1, status: 200, message: { rows: 1 } });
    await advance(SECOND);
    expect(answers).toEqual([{ status: 200, rows: 1 }]);
  });

  it("before the first request belongs to the last manager, through either wrapping", async () => {
    const first = withTokens(raw, ada);
    const second = withTokens(raw, grace);
    const all = [sendOver(first), sendOver(second)];
    await advance(SECOND);
    for (const { answers } of all) expect(answers).toMatchObject([{ status: 200 }]);
    expect(used()).toEqual([["t200"]]);
    expect(ada.asked.length).toBe(0);
    expect(ada.listeners.size).toBe(0);
  });

  it.each([
    ["itself", (transport: typeof raw) => transport],
    ["its wrapping", (_: typeof raw, wrapping: typeof raw) => wrapping],
  ])(
    "for another manager has a socket with its token, and ends everything of the first: %s",
    async (_, of) => {
      const first = withTokens(raw, ada);
      const subscription = sendOver(first, "subscribe");
      await advance(SECOND);
      FakeSocket.answer = () => {};
      const load = sendOver(first);
      await advance(SECOND);
      const old = FakeSocket.last();
      FakeSocket.reset();
      const second = withTokens(of(raw, first), grace);
      await advance(SECOND);
      expect(old.readyState).toBe(3);
      expect(load.answers).toMatchObject([
        {
          status: 0,
          code: "ERR_CLEARED",
          error: "Another CubeTokenManager took over this transport. Query again.",
        },
      ]);
      expect(subscription.answers.slice(1)).toMatchObject([{ code: "ERR_CLEARED" }]);
      await advance(MINUTE);
      // It leaves no poll, socket, timer or listener behind.
      expect(FakeSocket.all).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
      expect([ada.listeners.size, grace.listeners.size]).toEqual([0, 0]);

      const { answers } = sendOver(second);
      await advance(SECOND);
      expect(answers).toMatchObject([{ status: 200 }]);
      expect(used()).toEqual([["t200"]]);
      expect(FakeSocket.last().requests.length).toBe(1);
      // Events of the first manager have no effect any more.
      ada.refresh();
      ada.emit({ type: "cleared", from: "here" });
      await advance(SECOND);
      expect(used()).toEqual([["t200"]]);
      expect(FakeSocket.last().readyState).toBe(1);
      // The first wrapping belongs to the second manager now.
      const late = sendOver(first);
      await advance(SECOND);
      expect(late.answers).toMatchObject([{ status: 200 }]);
      expect(used()).toEqual([["t200"]]);
    },
  );

  it("and back again belongs to the first manager again", async () => {
    const first = withTokens(raw, ada);
    withTokens(first, grace);
    withTokens(first, ada);
    const { answers } = sendOver(first);
    await advance(SECOND);
    expect(answers).toMatchObject([{ status: 200 }]);
    expect(used()).toEqual([["t100"]]);
  });

  it("while the first manager still fetches its token opens no socket with that", async () => {
    let go = () => {};
    ada.gate = new Promise((resolve) => {
      go = resolve;
    });
    const old = sendOver(withTokens(raw, ada));
    await advance(SECOND);
    const { answers } = sendOver(withTokens(raw, grace));
    go();
    await advance(SECOND);
    expect(old.answers).toMatchObject([{ code: "ERR_CLEARED" }]);
    expect(answers).toMatchObject([{ status: 200 }]);
    expect(used()).toEqual([["t200"]]);
  });

  it("while the first manager still fetches its token ignores its failure", async () => {
    let go = () => {};
    ada.gate = new Promise((resolve) => {
      go = resolve;
    });
    sendOver(withTokens(raw, ada));
    await advance(SECOND);
    FakeSocket.answer = () => {};
    const { answers } = sendOver(withTokens(raw, grace));
    await advance(SECOND);
    ada.failure = new Error("Offline.");
    go();
    await advance(SECOND);
    expect(answers).toEqual([]);
    expect(FakeSocket.last().readyState).toBe(1);
  });

  it("while the first manager renews its token never sends that over the second's socket", async () => {
    sendOver(withTokens(raw, ada));
    await advance(SECOND);
    let go = () => {};
    ada.gate = new Promise((resolve) => {
      go = resolve;
    });
    ada.refresh();
    sendOver(withTokens(raw, grace));
    await advance(SECOND);
    go();
    await advance(SECOND);
    expect(used()).toEqual([["t100"], ["t200"]]);
  });

  it("while a server is down connects at once for the new manager", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    FakeSocket.mode = "down";
    const old = sendOver(withTokens(raw, ada));
    await advance(20 * SECOND);
    FakeSocket.reset();
    const { answers } = sendOver(withTokens(raw, grace));
    await advance(SECOND);
    expect(old.answers).toMatchObject([{ code: "ERR_CLEARED" }]);
    expect(answers).toMatchObject([{ status: 200 }]);
    expect(used()).toEqual([["t200"]]);
  });

  it("whose first manager is disposed of later keeps the second's socket", async () => {
    let go = () => {};
    const first = withTokens(raw, ada);
    sendOver(first);
    await advance(SECOND);
    ada.gate = new Promise((resolve) => {
      go = resolve;
    });
    ada.failure = Object.assign(new Error("Disposed."), { code: "ERR_DISPOSED" });
    sendOver(first);
    await advance(SECOND);
    const second = withTokens(raw, grace);
    sendOver(second);
    await advance(SECOND);
    go();
    await advance(SECOND);
    expect(FakeSocket.last().tokens).toEqual(["t200"]);
    expect(FakeSocket.last().readyState).toBe(1);
  });

  it("calls the last isRejected", async () => {
    const asked: string[] = [];
    const told = (name: string) => () => asked.push(name) > 0;
    FakeSocket.accepts = (token) => token !== "t100";
    const first = withTokens(raw, ada, { isRejected: told("first") });
    withTokens(raw, ada, { isRejected: told("second") });
    const { answers } = sendOver(first);
    await advance(SECOND);
    expect(answers).toMatchObject([{ status: 200 }]);
    expect(asked).toEqual(["second"]);
  });
});

describe("an HttpTransport that is wrapped for two managers", () => {
  const query = { measures: ["a.b"] };
  let sent: string[];
  let transport: HttpTransport;
  const isWaiting = (answer: { error?: string }) => answer.error === "Continue wait";

  beforeEach(() => {
    sent = [];
    // Refuses the first token of each, with a "Continue wait" before every answer.
    const polled = new Set<string>();
    vi.stubGlobal("fetch", async (url: string, { headers }: { headers: Record<string, string> }) => {
      const token = headers.Authorization!;
      sent.push(token);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      if (token.endsWith("00")) return Response.json({ error: "Token is expired" }, { status: 403 });
      const key = `${url}${token}`;
      if (polled.has(key)) return Response.json({ token });
      polled.add(key);
      return Response.json({ error: "Continue wait" });
    });
    transport = new HttpTransport({ apiUrl: "http://cube.test/v1" });
  });

  const load = async (wrapped: HttpTransport, name: string) => {
    const { answers } = sendOver(
      wrapped,
      "load",
      { query: { ...query, name }, baseRequestId: name },
      isWaiting,
    );
    await vi.waitFor(() => expect(answers.at(-1)).toHaveProperty("token"));
    return answers.at(-1).token;
  };

  it.each([
    ["itself", (raw: HttpTransport) => raw],
    ["its wrapping", (_: HttpTransport, wrapping: HttpTransport) => wrapping],
  ])("sends each request with its own manager's token, however they mix: %s", async (_, of) => {
    const first = withTokens(transport, ada);
    const second = withTokens(of(transport, first), grace);
    const all = Array.from({ length: 50 }, (_, n) => load(n % 2 ? second : first, `q${n}`));
    const expected = all.map((_, n) => (n % 2 ? "t201" : "t101"));
    expect(await Promise.all(all)).toEqual(expected);
    expect(ada.invalidated).toContain("t100");
    expect(ada.invalidated).not.toContain("t200");
    expect(new Set(sent)).toEqual(new Set(["t100", "t101", "t200", "t201"]));
  });

  it("gives the same wrapping for the same manager, and another for other options", () => {
    const wrapped = withTokens(transport, ada);
    expect(withTokens(wrapped, ada)).toBe(wrapped);
    expect(withTokens(wrapped, ada, { isRejected: () => false })).not.toBe(wrapped);
    expect(withTokens(wrapped, grace)).not.toBe(wrapped);
  });
});
