/** @jest-environment jsdom */
const { CubeTokenManager, webStorage } = require("cube-token-manager");
// jsdom has no fetch.
const { fetch } = require("whatwg-fetch");
const { useCubeToken } = require("cube-token-manager/react");
const { serveOnce } = require("./server.js");

let server;
afterAll(() => server.close());

test("Jest in jsdom", async () => {
  server = await serveOnce();
  const tokens = new CubeTokenManager({
    endpoint: `${server.url}/token`,
    fetch,
    storage: webStorage("session"),
  });
  expect(await tokens.getToken()).toBe("opaque");
  const { signal } = new AbortController();
  expect(await tokens.getToken({ signal, forceRefresh: true })).toBe("opaque");
  expect(Object.values(sessionStorage).join()).toContain("opaque");
  await tokens.clear();
  expect(Object.values(sessionStorage).join()).not.toContain("opaque");
  tokens.dispose();
  expect(typeof useCubeToken).toBe("function");
});
