import { CubeTokenManager } from "cube-token-manager";

export async function create() {
  const tokens = new CubeTokenManager({ endpoint: "/token" });
  await tokens.getToken();
  return { getToken: tokens.getToken, refresh: () => tokens.getToken({ forceRefresh: true }) };
}

/** For the memory benchmark: a manager that holds a token. */
export const instance = (token) => new CubeTokenManager({ endpoint: "/token", initialToken: token });
