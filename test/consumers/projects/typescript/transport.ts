// A separate file: TypeScript's node16 refuses Cube's own client in CommonJS files since 1.7.
import { type CubeApi, HttpTransport } from "@cubejs-client/core";
import { type CubeTransport, withTokens } from "cube-token-manager";
import { tokens } from "./app.js";

export const transport: HttpTransport = withTokens(
  new HttpTransport({ apiUrl: "/cubejs-api/v1", authorization: "" }),
  tokens,
);
export const plain: CubeTransport = transport;
export type Api = CubeApi;
