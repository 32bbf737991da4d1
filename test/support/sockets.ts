import type { CubeApi } from "@cubejs-client/core";
import WebSocketTransport from "@cubejs-client/ws-transport";
import { afterEach, beforeAll, beforeEach } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import type { CubeTokenManager } from "../../src/index.js";
import { type Cube, startCube, startWire, type Wire } from "./cube.js";

export const query = { measures: ["Things.count"] };
export const count = (result: { rawData(): unknown[] }) =>
  Number((result.rawData()[0] as Record<string, unknown>)["Things.count"]);

/** A Cube backend for the importing file, and a wire to it for each test. */
export let server: Cube;
export let wire: Wire;
export const transports: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startCube();
});
beforeEach(async () => {
  wire = await startWire(server.port);
});
afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
  await wire.stop();
});

export const socket = (port = wire.port, options = {}) =>
  new WebSocketTransport({ apiUrl: `ws://127.0.0.1:${port}/`, ...options });

export function connected(tokens: CubeTokenManager, port?: number, options = {}): CubeApi {
  const transport = socket(port);
  transports.push(transport);
  return createCubeApi(tokens, { apiUrl: "", transport, ...options });
}
