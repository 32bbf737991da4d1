import { HttpTransport } from "@cubejs-client/core";
import { CubeTokenManager, withTokens } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";

const tokens = new CubeTokenManager({ endpoint: "/token" });
export const api = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
export const transport: HttpTransport = withTokens(
  new HttpTransport({ apiUrl: "/cubejs-api/v1", authorization: "" }),
  tokens,
);
