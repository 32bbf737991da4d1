import type { CubeApi } from "@cubejs-client/core";
import { HttpTransport } from "@cubejs-client/core";
import WebSocketTransport from "@cubejs-client/ws-transport";
import { expectTypeOf, test } from "vitest";
import { memoryStorage } from "../../src/index.js";
import {
  createIsolatedCubeApi,
  type IsolatedTokens,
  isolatedTokens,
  serveCube,
} from "../../src/isolated/index.js";
import { useCubeToken } from "../../src/react/index.js";

declare const worker: Worker;
declare const shared: SharedWorker;

test("serveCube accepts a manager's options, and Cube's URL", () => {
  expectTypeOf(serveCube({ endpoint: "/token", apiUrl: "/v1" })).toEqualTypeOf<() => void>();
  serveCube({
    fetchToken: async () => "t",
    apiUrl: new URL("https://cube.test"),
    headers: { "X-Tenant": "a" },
  });
  serveCube({ endpoint: "/token", transport: new WebSocketTransport({ apiUrl: "wss://cube.test" }) });
  serveCube({
    endpoint: "/token",
    transport: new HttpTransport({ apiUrl: "/v1" }),
    storage: memoryStorage(),
  });
  // @ts-expect-error: no source
  serveCube({ apiUrl: "/v1" });
});

test("the page accepts a worker of either kind, or a function that starts one", () => {
  for (const each of [worker, shared, () => worker, () => shared, new MessageChannel().port1]) {
    expectTypeOf(createIsolatedCubeApi(each)).toEqualTypeOf<CubeApi>();
    expectTypeOf(isolatedTokens(each)).toEqualTypeOf<IsolatedTokens>();
  }
  createIsolatedCubeApi(worker, { pollInterval: 1, castNumerics: true });
  // @ts-expect-error: an option of the worker
  createIsolatedCubeApi(worker, { apiUrl: "/v1" });
  // @ts-expect-error: a URL is not a worker
  createIsolatedCubeApi("/worker.js");
  // @ts-expect-error: the token stays in the worker
  isolatedTokens(worker).getToken();
  useCubeToken(isolatedTokens(worker));
});
