/**
 * The globals of React Native's Hermes, as they are up to 0.86: `AbortController` is the package `abort-controller`, `fetch`
 * is `whatwg-fetch` over its XMLHttpRequest, there is no DOMException, no document and no stream, timers are numbers, and
 * most of a URL's parts "are not implemented".
 */
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";

/** @param {string} folder a project that has the packages installed. */
export function reactNativeContext(folder) {
  const require = createRequire(`${folder}/package.json`);
  const { XMLHttpRequest } = require("xhr2");
  const timers = new Map();
  let last = 0;
  const add =
    (start, stop) =>
    (callback, ms, ...args) => {
      const id = ++last;
      timers.set(id, [stop, start(() => callback(...args), ms)]);
      return id;
    };
  const remove = (id) => {
    const [stop, timer] = timers.get(id) ?? [];
    stop?.(timer);
    timers.delete(id);
  };
  const context = createContext({
    console,
    XMLHttpRequest,
    // It returns one of this program's responses.
    ArrayBuffer,
    Uint8Array,
    performance: { now: () => performance.now() },
    navigator: { product: "ReactNative" },
    setTimeout: add(setTimeout, clearTimeout),
    clearTimeout: remove,
    setInterval: add(setInterval, clearInterval),
    clearInterval: remove,
    queueMicrotask,
    // Available in Hermes since React Native 0.74.
    atob,
    btoa,
  });
  const run = (code, name) => runInContext(code, context, { filename: name });
  run("globalThis.window = globalThis.self = globalThis.global = globalThis;", "globals.js");
  run(
    `globalThis.URL = class URL {
      #url;
      constructor(url, base) { this.#url = base ? String(base).replace(/\\/$/, "") + url : String(url); }
      get href() { return this.toString(); }
      toString() { return this.#url; }
      toJSON() { return this.#url; }
      ${["hash", "host", "hostname", "origin", "password", "pathname", "port", "protocol", "username"]
        .map((name) => `get ${name}() { throw new Error("URL.${name} is not implemented"); }`)
        .join("\n")}
    };`,
    "URL.js",
  );
  return { context, run };
}
