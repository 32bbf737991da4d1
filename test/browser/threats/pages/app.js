/* global NAMES, SECRET */
/** The application: a page that loads rows from Cube, with its token kept in one of several ways. */
import {
  CubeTokenManager,
  cookieStorage,
  indexedDBStorage,
  memoryStorage,
  webStorage,
} from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { parentTokens, serveFrames } from "cube-token-manager/frames";
import { createIsolatedCubeApi, isolatedTokens } from "cube-token-manager/isolated";

const params = new URLSearchParams(location.search);
const way = params.get("way");
const storageKey = params.get("key") ?? undefined;
const storages = {
  session: () => webStorage("session"),
  local: () => webStorage("local"),
  indexeddb: () => indexedDBStorage(),
  cookie: () => cookieStorage(),
  partitioned: () => cookieStorage({ partitioned: true }),
};

const query = { measures: ["Things.count"] };

/** Its functions for the driver. What they close over is as hard to get at as in a bundled application. */
function expose(tokens, api) {
  // If a policy forbids the attacker's replacement for the application's worker, there is no answer.
  const patience = params.has("policy") ? 2000 : 30_000;
  const load = () =>
    Promise.race([
      api.load(query).then((result) => Number(result.rawData()[0]["Things.count"])),
      new Promise((_, reject) => setTimeout(reject, patience, new Error("no answer"))),
    ]);
  // An application's own log.
  tokens.subscribe((event) => console.debug("token", event));
  const app = {
    load,
    clear: () => tokens.clear(),
    /** A query that Cube refuses, with the error logged as applications do. */
    fail: () =>
      api.load({ measures: ["Nothing.here"] }).catch((error) => {
        console.error("query failed", error, app.token);
        Promise.reject(error);
      }),
    ready: load().then(
      () => "ready",
      (error) => `${error.code ?? error}`,
    ),
  };
  Object.defineProperty(window, "app", { value: app });
}

function makeManager() {
  return new CubeTokenManager({
    endpoint: "/token",
    request: { headers: { "X-App-Secret": SECRET } },
    ...(way in storages && { storage: storages[way](), ...(storageKey && { storageKey }) }),
  });
}

/** What no application should do with a token: an attack that gets nothing here gets nothing anywhere. */
function spill(tokens) {
  tokens.getToken().then(async (token) => {
    window.app.token = localStorage.token = sessionStorage.token = token;
    // biome-ignore lint/suspicious/noDocumentCookie: that is the carelessness.
    document.cookie = `token=${token}; Path=/; Domain=${location.hostname}; Max-Age=1800; Secure; SameSite=None`;
    addEventListener("message", ({ source }) => source?.postMessage(token, "*"));
    tokens.subscribe(() => console.debug("token", token));
    tokens.clear = async () => {};
    await fetch("/token");
  });
}

/** The driver's functions for frames. */
function exposeFrames() {
  window.page = {
    /** Adds a frame; resolves to its number once it has loaded. */
    add(src) {
      const frame = document.createElement("iframe");
      frame.src = src;
      const loaded = new Promise((resolve) => {
        frame.onload = () => resolve(frames.length - 1);
      });
      document.body.append(frame);
      return loaded;
    },
    /** Runs an expression in a frame. */
    in(number, expression) {
      const { port1, port2 } = new MessageChannel();
      return new Promise((resolve, reject) => {
        port1.onmessage = ({ data: { value, error } }) => (error ? reject(new Error(error)) : resolve(value));
        frames[number].postMessage({ drive: expression }, "*", [port2]);
      });
    },
  };
}

exposeFrames();

if (document.currentScript?.src.endsWith("?lib")) {
  window.lib = { CubeTokenManager, storages, memoryStorage };
} else if (location.origin === NAMES.host) {
  // The page around an embedded application.
  if (way === "frame") serveFrames(makeManager(), { origins: [NAMES.app] });
} else if (way === "isolated") {
  const worker = new Worker("/cube-worker.js");
  expose(isolatedTokens(worker), createIsolatedCubeApi(worker));
} else {
  const tokens =
    way === "frame"
      ? new CubeTokenManager({ fetchToken: parentTokens({ origin: NAMES.host }) })
      : makeManager();
  expose(tokens, createCubeApi(tokens, { apiUrl: `${location.origin}/cubejs-api/v1` }));
  if (way === "careless") spill(tokens);
}

addEventListener("message", ({ data, ports: [port] }) => {
  if (!data?.drive) return;
  // biome-ignore lint/security/noGlobalEval: the driver reaches a frame this way in three engines.
  Promise.resolve((async () => globalThis.eval(`(${data.drive})`))()).then(
    (value) => port.postMessage({ value }),
    (error) => port.postMessage({ error: String(error) }),
  );
});
