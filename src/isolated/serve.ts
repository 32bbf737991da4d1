import type { CubeApiOptions } from "@cubejs-client/core";
import { createCubeApi } from "../cube/index.js";
import type { CubeTransport } from "../cube/transport.js";
import type { WithTokensOptions } from "../cube/with-tokens.js";
import { CubeTokenManager } from "../manager.js";
import type { CubeTokenManagerOptions } from "../options.js";
import { isMemoryStorage } from "../storage/memory.js";
import { Client, type Service } from "./client.js";
import { HELLO } from "./messages.js";
import type { Port } from "./port.js";
import { remember } from "./scrub.js";

/**
 * How the requests to Cube are sent: the worker decides, and no page can change it.
 *
 * @example
 * const cube: ServeCubeTransportOptions = { apiUrl: "/cubejs-api/v1", method: "POST", fetchTimeout: 30_000 };
 * serveCube({ endpoint: "/auth/cubejs-token", ...cube });
 */
export interface ServeCubeTransportOptions
  extends Pick<CubeApiOptions, "method" | "headers" | "credentials" | "fetchTimeout">,
    WithTokensOptions {
  /**
   * Cube's REST API. A path is resolved against the worker script's own origin.
   * @example
   * serveCube({ endpoint: "/auth/cubejs-token", apiUrl: "/cubejs-api/v1" });
   */
  apiUrl?: string | URL | undefined;
  /**
   * A transport instead of Cube's `HttpTransport`, for example its `WebSocketTransport`.
   * @example
   * serveCube({ endpoint: "/auth/cubejs-token", transport: new WebSocketTransport({ apiUrl: "wss://cube.example.com/" }) });
   */
  transport?: CubeTransport | undefined;
}

/**
 * All of a `CubeTokenManager`'s options, with `apiUrl` or `transport`.
 *
 * @example
 * const options: ServeCubeOptions = { endpoint: "/auth/cubejs-token", apiUrl: "/cubejs-api/v1", retries: 1 };
 */
export type ServeCubeOptions = CubeTokenManagerOptions & ServeCubeTransportOptions;

/**
 * The worker's side: keeps the token, and queries Cube for the pages that connect. They get rows, never the token.
 *
 * Call it at the top of the worker's script, before any `await`: otherwise a `SharedWorker` misses pages that connect early.
 *
 * @param options a manager's options and where Cube is. The storage is memory: whatever IndexedDB or a cookie holds, the
 * page's scripts can read.
 * @param scope where the pages come from. @default the worker's own scope
 * @returns a function that stops it.
 * @throws {TypeError} on another storage, without `apiUrl` and `transport`, outside a worker, and wherever the manager or
 * `createCubeApi` throws one.
 *
 * @example
 * // cube-worker.js
 * serveCube({ endpoint: "/auth/cubejs-token", apiUrl: "/cubejs-api/v1" });
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps OAuth 2.0 for Browser-Based Applications
 */
export function serveCube(options: ServeCubeOptions, scope?: Port): () => void {
  const { apiUrl, transport, isRejected, method, headers, credentials, fetchTimeout, ...rest } =
    options ?? {};
  const own = { isRejected, method, headers, credentials, fetchTimeout };
  const { storage } = rest;
  if (storage !== undefined && !isMemoryStorage(storage)) {
    throw new TypeError(
      "serveCube keeps the token in memory alone: what another storage holds, the page's scripts can read. Leave out storage.",
    );
  }
  if (!apiUrl && !transport) throw new TypeError("serveCube: give apiUrl or transport: where Cube is.");
  const target = scope ?? workerScope();
  const tokens = new CubeTokenManager(rest as CubeTokenManagerOptions);
  const remembered = remember(tokens);
  const api = createCubeApi(remembered.tokens, {
    apiUrl: String(apiUrl ?? ""),
    ...(Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as object),
    ...(transport && { transport: transport as never }),
  });
  const stop = serve(target, {
    // biome-ignore lint/complexity/useLiteralKeys: protected, and the one that createCubeApi has wrapped.
    transport: api["transport"] as CubeTransport,
    tokens: { ...remembered.tokens, clear: tokens.clear },
    scrub: remembered.scrub,
    fetchTimeout,
  });
  return () => {
    stop();
    tokens.dispose();
  };
}

function workerScope(): Port {
  const scope = globalThis as unknown as Port & { document?: unknown };
  if (scope.document || !("postMessage" in scope || "onconnect" in scope)) {
    throw new TypeError("serveCube belongs into the script of a Worker or a SharedWorker.");
  }
  return scope;
}

/** Answers whoever comes through a port, or, in a shared worker, through any port that is connected. */
export function serve(target: Port, service: Service): () => void {
  const clients = new Map<string, Client>();
  const ports: Port[] = [];
  const onMessage = ({ data }: { data: unknown }): void => {
    // What this package did not write is for somebody else.
    if (!Array.isArray(data) || data[0] !== HELLO) return;
    const [, name, port] = data as [string, unknown, Port | undefined];
    if (typeof name !== "string" || typeof port?.postMessage !== "function") return;
    // The same page once more: its first hello came before it could be heard, or it was away.
    clients.get(name)?.close();
    clients.set(name, new Client(port, service, () => clients.delete(name)));
  };
  const listen = (port: Port) => {
    ports.push(port);
    port.addEventListener("message", onMessage);
    port.start?.();
    // For pages that have said hello before there was a listener.
    port.postMessage(HELLO);
  };
  const onConnect = ({ ports: [port] }: { ports: Port[] }) => listen(port!);
  if ("onconnect" in target) target.addEventListener("connect", onConnect);
  else listen(target);
  return () => {
    target.removeEventListener("connect", onConnect);
    for (const port of ports) port.removeEventListener("message", onMessage);
    for (const client of [...clients.values()]) client.close();
  };
}
