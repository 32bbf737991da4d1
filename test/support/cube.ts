import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { SignJWT } from "jose";
import { CubeTokenManager, type CubeTokenManagerOptions } from "../../src/index.js";
import { freePort } from "./free-port.mjs";

export const SECRET = "a-secret-of-more-than-thirty-two-characters";
/** Long enough for a secret, but not Cube's. */
export const WRONG = "another-secret-of-more-than-thirty-two-chars";

export interface Cube {
  port: number;
  apiUrl: string;
  wsUrl: string;
  /** The security context of every query, as the server received it. */
  contexts: Record<string, unknown>[];
}

interface FromServer {
  port: number;
  ready?: true;
  securityContext?: Record<string, unknown>;
}

const hosts: Record<string, ChildProcess> = {};

function startHost(): ChildProcess {
  const child = fork(`${import.meta.dirname}/cube-server.mjs`, {
    env: { ...process.env, CUBEJS_API_SECRET: "" },
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  child.setMaxListeners(0);
  // It ends with this process, and must not keep it alive.
  child.unref();
  child.channel?.unref();
  return child;
}

/**
 * Starts a real Cube backend. Those of one test file share a process, as loading Cube takes longest; development mode is
 * set by the environment, and has a process of its own.
 */
export async function startCube(
  config: { development?: true } & Record<string, unknown> = { apiSecret: SECRET },
): Promise<Cube> {
  const mode = config.development ? "development" : "production";
  hosts[mode] ??= startHost();
  const child = hosts[mode];
  const port = await freePort();
  const contexts: Record<string, unknown>[] = [];
  await new Promise<void>((resolve, reject) => {
    child.on("message", (message: FromServer) => {
      if (message.port !== port) return;
      if (message.ready) resolve();
      else contexts.push(message.securityContext ?? {});
    });
    child.once("exit", (code) => reject(new Error(`Cube exited with code ${code}, see above.`)));
    child.send({ port, config });
  });
  return {
    port,
    apiUrl: `http://127.0.0.1:${port}/cubejs-api/v1`,
    wsUrl: `ws://127.0.0.1:${port}/`,
    contexts,
  };
}

/** A proxy in front of a server, which counts and cuts connections. */
export interface Wire {
  port: number;
  /** The number of connections ever opened. */
  connections: number;
  /** The number of open connections. */
  open(): number;
  /** Cuts all open connections. */
  cut(): void;
  /** Keeps its connections open, but passes nothing through: like a laptop that slept, or a lost NAT entry. */
  freeze(): void;
  /** While true, each new connection is cut. */
  down: boolean;
  /** The server's port. */
  target: number;
  stop(): Promise<void>;
}

export async function startWire(target: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  const pairs = new WeakMap<Socket, Socket>();
  const server = createTcpServer((socket) => {
    wire.connections++;
    if (wire.down) {
      socket.destroy();
      return;
    }
    const behind = connect(wire.target, "127.0.0.1");
    for (const [from, to] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
    sockets.add(socket);
    pairs.set(socket, behind);
    socket.on("close", () => sockets.delete(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const wire: Wire = {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    open: () => sockets.size,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    freeze: () => {
      for (const socket of sockets) {
        const behind = pairs.get(socket);
        socket.unpipe().pause();
        behind?.unpipe().pause();
      }
    },
    down: false,
    target,
    async stop() {
      wire.cut();
      server.close();
    },
  };
  return wire;
}

/** Starts a small HTTP server. */
export async function startServer(
  handler: Parameters<typeof createServer>[1],
): Promise<{ url: string; stop(): void }> {
  const server: Server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Signs an HS256 token. A first token may be refreshed after a tenth of its `ttl` (s): too early if a test counts requests. */
export const sign = (
  claims: Record<string, unknown> = {},
  { ttl = 600, secret = SECRET }: { ttl?: number; secret?: string | undefined } = {},
): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + ttl)
    .sign(new TextEncoder().encode(secret));

let serial = 0;

/** A manager whose source counts its calls. */
export function signer(
  make: (context: { rejectedToken?: string }) => Promise<string | null> = () => sign({ n: serial++ }),
  options: Partial<CubeTokenManagerOptions> = {},
): { tokens: CubeTokenManager; requests: () => number } {
  let requests = 0;
  const tokens = new CubeTokenManager({
    fetchToken: async (context) => {
      requests++;
      return make(context);
    },
    ...options,
  } as CubeTokenManagerOptions);
  return { tokens, requests: () => requests };
}

/** A query without a cached result that takes `ms`. */
export const slowQuery = (ms: number) => ({
  measures: ["Things.count"],
  filters: [
    {
      member: "Things.name",
      operator: "notEquals" as const,
      values: [`slow-${ms}-${Date.now()}-${serial++}`],
    },
  ],
});

export const sleep = (ms: number) => new Promise((go) => setTimeout(go, ms));

/** Resolves to what a promise rejects with. */
export const caught = async (promise: Promise<unknown>): Promise<Error & Record<string, unknown>> =>
  promise.then(
    (value) => {
      throw new Error(`It resolved to ${JSON.stringify(value)}`);
    },
    (error) => error,
  );

/** Resolves as soon as the condition, or its promise, is truthy. */
export async function until(condition: () => unknown, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Not within ${ms} ms: ${condition}`);
    await sleep(20);
  }
}
