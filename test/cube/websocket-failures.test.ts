import WebSocketTransport from "@cubejs-client/ws-transport";
import { describe, expect, it } from "vitest";
import WebSocket from "ws";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenError } from "../../src/index.js";
import { caught, sign, signer, startCube, until, WRONG } from "../support/cube.js";
import { freePort } from "../support/free-port.mjs";
import { connected, count, query, wire } from "../support/sockets.js";

describe("a connection that fails", () => {
  it("because of a refused token recovers with another token", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({}, { secret: n++ ? undefined : WRONG }));
    expect(count(await connected(tokens).load(query))).toBe(2);
    expect(requests()).toBe(2);
    expect(wire.connections).toBe(2);
  });

  it("because all tokens are refused gives Cube's own error, without a storm", async () => {
    let n = 0;
    const { tokens, requests } = signer(() => sign({ n: n++ }, { secret: WRONG }));
    const api = connected(tokens);
    const errors = await Promise.all(Array.from({ length: 20 }, () => caught(api.load(query))));
    for (const error of errors) expect(error).toMatchObject({ status: 403, message: "Invalid token" });
    expect(requests()).toBe(2);
    expect(wire.connections).toBe(2);
    // And again, after a pause.
    expect(await caught(api.load(query))).toMatchObject({ status: 403, message: "Invalid token" });
    expect(wire.connections).toBeLessThanOrEqual(4);
  });

  it("for lack of a token rejects with the manager's error, and a subscription recovers", async () => {
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

  it("because of a disposed manager rejects at once, even over an open socket", async () => {
    const { tokens } = signer();
    const api = connected(tokens);
    await api.load(query);
    tokens.dispose();
    expect(await caught(api.load(query))).toMatchObject({ code: "ERR_DISPOSED" });
    expect(await caught(api.load(query))).toMatchObject({ code: "ERR_DISPOSED" });
    await until(() => wire.open() === 0);
  });

  it("because checkAuth answers 500 gives that error, or is recognized by isRejected", async () => {
    const own = await startCube({ checkAuth: "throws" });
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

  it("because of a wrong URL is an error at once", async () => {
    const transport = new WebSocketTransport({ apiUrl: "nonsense" });
    expect(
      await caught(createCubeApi(signer().tokens, { apiUrl: "", transport }).load(query)),
    ).toBeInstanceOf(Error);
  });

  it.each(["not JSON", "null", "42", '"text"'])(
    "because of a server's nonsense is an error at once: %s",
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
