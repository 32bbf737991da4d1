// @vitest-environment happy-dom
// @ts-expect-error: the package has no types.
import { QueryRenderer } from "@cubejs-client/vue3";
import { beforeAll, expect, it, vi } from "vitest";
import { createApp, defineComponent, h, nextTick, onScopeDispose, shallowRef } from "vue";
import { createCubeApi } from "../../src/cube/index.js";
import type { TokenProvider } from "../../src/index.js";
import { type Cube, sign, signer, sleep, startCube, until } from "../support/cube.js";

let server: Cube;
beforeAll(async () => {
  server = await startCube();
});

/** The README's composable. */
function useCubeToken(tokens: TokenProvider) {
  const snapshot = shallowRef(tokens.getSnapshot());
  onScopeDispose(
    tokens.subscribe(() => {
      snapshot.value = tokens.getSnapshot();
    }),
  );
  return snapshot;
}

it("shows a query's rows through @cubejs-client/vue3; a token refresh does not reload them", async () => {
  let n = 0;
  const { tokens } = signer(() => sign({ sub: "ada", n: n++ }));
  // A POST, as happy-dom's fetch caches GET requests.
  const cubejsApi = createCubeApi(tokens, { apiUrl: server.apiUrl, method: "POST" });
  const fetches = vi.spyOn(globalThis, "fetch");
  // In data(), where Vue wraps it in a proxy.
  const Page = defineComponent({
    setup: () => ({ snapshot: useCubeToken(tokens) }),
    data: () => ({ cubejsApi, query: { measures: ["Things.count"] } }),
    render() {
      const { snapshot, cubejsApi, query } = this;
      return [
        h("i", `${snapshot.status} ${snapshot.claims?.n}`),
        h(
          QueryRenderer,
          { cubejsApi, query },
          // biome-ignore lint/suspicious/noExplicitAny: the component has no types.
          { default: ({ resultSet }: any) => h("b", resultSet?.rawData()[0]["Things.count"] ?? "…") },
        ),
      ];
    },
  });
  const root = document.createElement("div");
  const app = createApp(Page);
  app.mount(root);
  await until(() => root.querySelector("b")?.textContent === "2");
  expect(root.querySelector("i")?.textContent).toBe("fresh 0");
  const before = fetches.mock.calls.length;
  await tokens.getToken({ forceRefresh: true });
  await nextTick();
  expect(root.querySelector("i")?.textContent).toBe("fresh 1");
  await sleep(300);
  expect(fetches).toHaveBeenCalledTimes(before);
  app.unmount();
  await tokens.clear();
});
