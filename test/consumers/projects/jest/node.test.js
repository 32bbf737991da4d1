const { CubeTokenManager, isCubeTokenError } = require("cube-token-manager");
const { createCubeApi } = require("cube-token-manager/cube");
const { serveOnce } = require("./server.js");

let server;
afterAll(() => server.close());

test("Jest in Node", async () => {
  server = await serveOnce();
  const tokens = new CubeTokenManager({ endpoint: `${server.url}/token` });
  expect(await tokens.getToken()).toBe("opaque");
  const cubeApi = createCubeApi(tokens, { apiUrl: `${server.url}/cubejs-api/v1` });
  expect((await cubeApi.meta()).cubes).toEqual([]);
  tokens.dispose();
  await expect(tokens.getToken()).rejects.toMatchObject({ code: "ERR_DISPOSED" });
  expect(isCubeTokenError(await tokens.getToken().catch((error) => error))).toBe(true);
});
