/* global cubeTokenManager */
/** The manager in a worker of any kind: no window, no localStorage. */
importScripts("/manager.js");

const tokens = new cubeTokenManager.CubeTokenManager({
  endpoint: "/token?from=worker",
  storage: cubeTokenManager.indexedDBStorage(),
  storageKey: "cube.token",
});
const answer = async (port) => {
  const token = await tokens.getToken().catch((error) => `! ${error.code}`);
  port.postMessage({ token, status: tokens.getSnapshot().status, window: typeof window });
};
self.onmessage = ({ data, source }) => data === "token" && answer(source ?? self);
self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => (data === "token" ? answer(port) : self.close());
};
