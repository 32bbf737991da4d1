import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Cube's own WebSocketTransport, in the file that bundlers use, on a socket that a test controls. */
export const fakeSockets = {
  "isomorphic-ws": path("fake-ws.ts"),
  "@cubejs-client/ws-transport": path(
    "../../node_modules/@cubejs-client/ws-transport/dist/cubejs-client-ws-transport.esm.js",
  ),
};
