// @vitest-environment jsdom
import { CubeTokenManager, webStorage } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken } from "cube-token-manager/react";
import { expect, test } from "vitest";

test("Vitest in jsdom", async () => {
  const { apiUrl, token } = process.env;
  const tokens = new CubeTokenManager({
    fetchToken: async () => token,
    storage: webStorage("session"),
    storageKey: "cube",
  });
  const resultSet = await createCubeApi(tokens, { apiUrl }).load({ measures: ["Things.count"] });
  expect(Number(resultSet.rawData()[0]["Things.count"])).toBe(2);
  expect(sessionStorage.getItem("cube")).toContain(token);
  expect(typeof useCubeToken).toBe("function");
  tokens.dispose();
});
