import {
  CubeTokenError,
  CubeTokenManager,
  isCubeTokenError,
  type TokenEvent,
  type TokenSnapshot,
  webStorage,
} from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken } from "cube-token-manager/react";

export const tokens = new CubeTokenManager({ endpoint: "/token", storage: webStorage("session") });
const cubeApi = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
export const rows = () =>
  cubeApi.load({ measures: ["Orders.count"] }).then((resultSet) => resultSet.rawData());
// Their types are inferred: a declaration file must be able to name them.
export const useToken = () => useCubeToken(tokens);
export const useBoth = () => ({ state: useCubeToken(tokens), error: useCubeToken(tokens).error });
export const snapshot: TokenSnapshot = tokens.getSnapshot();
export const stop = tokens.subscribe((event: TokenEvent) => event.type);
export const code = (error: unknown) => (isCubeTokenError(error) ? error.code : undefined);
export const status = (error: unknown) => (error instanceof CubeTokenError ? error.status : undefined);
export const token: Promise<string> = tokens.getToken({ forceRefresh: true });
export const disposer: () => void = tokens.dispose;
// @ts-expect-error none of the sources
new CubeTokenManager({});
// @ts-expect-error not a manager
createCubeApi("token", { apiUrl: "/" });
