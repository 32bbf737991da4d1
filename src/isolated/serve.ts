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
 * For the worker: keeps the token, and queries Cube for the pages that connect. They get rows, never the token.
 *
 * Call it at the top of the worker's script, before any `await`: otherwise a `SharedWorker` misses pages that connect early.
 *
 * @param options a manager's options, and where Cube is. The storage must be memory, because scripts in the page can read
 * IndexedDB and cookies.
 * @param scope the port or scope over which pages connect. @default the worker's own scope
 * @returns a function that stops it.
 * @throws {TypeError} on another storage, without `apiUrl` and `transport`, outside a worker, and if the manager or
 * `createCubeApi` throws it.
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
      "serveCube keeps the token in memory only: scripts in the page could read any other storage. Remove the storage option.",
    );
  }
  if (!apiUrl && !transport) throw new TypeError("serveCube: apiUrl or transport is missing.");
  const target = scope ?? workerScope();
  const tokens = new CubeTokenManager(rest as CubeTokenManagerOptions);
  const remembered = remember(tokens);
  const api = createCubeApi(remembered.tokens, {
    apiUrl: String(apiUrl ?? ""),
    ...(Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as object),
    ...(transport && { transport: transport as never }),
  });
  const stop = serve(target, {
    // biome-ignore lint/complexity/useLiteralKeys: protected, and wrapped by createCubeApi.
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
    throw new TypeError("serveCube must be called in a Worker or a SharedWorker.");
  }
  return scope;
}

/** Serves the pages that connect through this port or, in a shared worker, through any connected port. */
export function serve(target: Port, service: Service): () => void {
  const clients = new Map<string, Client>();
  const ports: Port[] = [];
  const onMessage = ({ data }: { data: unknown }): void => {
    // Messages of other code are ignored.
    if (!Array.isArray(data) || data[0] !== HELLO) return;
    const [, name, port] = data as [string, unknown, Port | undefined];
    if (typeof name !== "string" || typeof port?.postMessage !== "function") return;
    // The same page again: its first hello was too early, or it was in the back/forward cache.
    clients.get(name)?.close();
    clients.set(name, new Client(port, service, () => clients.delete(name)));
  };
  const listen = (port: Port) => {
    ports.push(port);
    port.addEventListener("message", onMessage);
    port.start?.();
    // For pages that sent their hello before there was a listener.
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
