/* global cubeTokenManager, cubeFrames */
/** Functions of the scenarios for a page with frames, its frames, and a stranger's page. */
{
  const { CubeTokenManager, withTokens } = cubeTokenManager;
  const sleep = (ms) => new Promise((go) => setTimeout(go, ms));
  const outcome = (promise) =>
    promise.then(
      (token) => token,
      (error) => `! ${error.code ?? error}`,
    );

  window.page = {
    tokens: undefined,
    events: [],
    frames: [],
    /** Messages to this window and over their ports, once it records. */
    received: [],
    asked: 0,
    invalidated: 0,

    watch(tokens) {
      this.tokens = tokens;
      this.events = [];
      tokens.subscribe(({ type }) => this.events.push(type));
    },
    get: (options) => outcome(page.tokens.getToken(options)),

    // The host.
    /** A manager that serves these origins; counts their requests. */
    host(origins) {
      this.watch(new CubeTokenManager({ endpoint: "/token" }));
      const { tokens } = this;
      const counting = {
        getToken: (options) => {
          this.asked++;
          return tokens.getToken(options);
        },
        invalidate: (token) => {
          this.invalidated++;
          tokens.invalidate(token);
        },
        getSnapshot: tokens.getSnapshot,
        subscribe: tokens.subscribe,
      };
      this.stop = cubeFrames.serveFrames(counting, { origins });
    },
    /** Adds a frame, optionally in a shadow tree; resolves to its number once it has loaded. */
    async add(src, { sandbox, shadow } = {}) {
      const frame = document.createElement("iframe");
      if (sandbox !== undefined) frame.setAttribute("sandbox", sandbox);
      frame.src = src;
      const loaded = new Promise((resolve) => {
        frame.onload = resolve;
      });
      const place = document.createElement("div");
      (document.body ?? document.documentElement).append(place);
      (shadow ? place.attachShadow({ mode: "closed" }) : place).append(frame);
      await loaded;
      return this.frames.push(frame) - 1;
    },
    /** Runs an expression in another window, which has this script too. */
    drive(target, expression) {
      const { port1, port2 } = new MessageChannel();
      return new Promise((resolve, reject) => {
        port1.onmessage = ({ data: { value, error } }) => {
          port1.close();
          if (error) reject(new Error(error));
          else resolve(value);
        };
        target.postMessage({ drive: expression }, "*", [port2]);
      });
    },
    in(number, expression) {
      return this.drive(this.frames[number].contentWindow, expression);
    },
    inAll(expression) {
      return Promise.all(this.frames.map((_, number) => this.in(number, expression)));
    },

    // An honest frame.
    embed(origin, options) {
      this.watch(new CubeTokenManager({ fetchToken: cubeFrames.parentTokens({ origin, ...options }) }));
    },
    /** A chart that polls; resolves to its errors. */
    async poll(duration, interval) {
      const cubeFetch = withTokens(fetch, this.tokens, { url: "/rows" });
      const failures = [];
      for (const end = Date.now() + duration; Date.now() < end; await sleep(interval)) {
        const status = await cubeFetch("/rows").then(
          (answer) => answer.status,
          (error) => error.code ?? String(error),
        );
        if (status !== 200) failures.push(status);
      }
      return failures;
    },

    // A stranger, or a stranger's script in a page of an honest origin.
    record() {
      addEventListener("message", ({ data, ports }) => {
        if (!data?.drive) this.note(data, ports);
      });
    },
    note(data, ports = []) {
      this.received.push(JSON.stringify(data));
      for (const port of ports) this.listenTo(port);
    },
    listenTo(port) {
      port.onmessage = ({ data, ports }) => this.note(data, ports);
    },
    /** Every known message, each with a port of its own. */
    attack(target, honest, times = 1) {
      const ask = { cubeToken: "ask", id: 1 };
      const forms = [
        ask,
        { ...ask, origin: honest, source: "parent" },
        { ...ask, rejectedToken: "x" },
        { cubeToken: "port", id: 1 },
        { cubeToken: "cleared" },
      ];
      for (let n = 0; n < times; n++) {
        for (const form of forms) {
          const { port1, port2 } = new MessageChannel();
          this.listenTo(port1);
          target.postMessage(form, "*", [port2]);
        }
      }
    },
    flood(target, times) {
      for (let n = 0; n < times; n++) target.postMessage({ cubeToken: "ask", id: n }, "*");
    },
  };

  addEventListener("message", ({ data, ports: [port] }) => {
    if (!data?.drive) return;
    // biome-ignore lint/security/noGlobalEval: the scenarios reach a frame this way in three engines.
    Promise.resolve((async () => globalThis.eval(`(${data.drive})`))()).then(
      (value) => port.postMessage({ value }),
      (error) => port.postMessage({ error: String(error) }),
    );
  });
}
