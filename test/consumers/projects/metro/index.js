import { CubeTokenManager, customStorage } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken } from "cube-token-manager/react";

globalThis.start = async (token, apiUrl) => {
  const kept = new Map();
  const storage = customStorage({
    getItem: async (key) => kept.get(key) ?? null,
    setItem: async (key, value) => void kept.set(key, value),
    removeItem: async (key) => void kept.delete(key),
  });
  const tokens = new CubeTokenManager({ fetchToken: async () => token, storage, storageKey: "cube" });
  const resultSet = await createCubeApi(tokens, { apiUrl }).load({ measures: ["Things.count"] });
  tokens.dispose();
  return `${resultSet.rawData()[0]["Things.count"]} ${typeof useCubeToken} ${[...kept.values()].join().includes(token)}`;
};
