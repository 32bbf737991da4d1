import vm from "node:vm";
import { numbers } from "../support/numbers.mjs";

const START = Date.UTC(2026, 2, 1, 12);
/** Resolves once everything that follows immediately has run. Microtasks only: a turn of the event loop is as expensive. */
export const settled = () => new Promise(process.nextTick);
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/**
 * Everything that managers see, on one simulated clock and from one seed: machines with wrong clocks that sleep, tabs
 * that freeze and crash, their storage, Web Locks and channels, the network, a token endpoint, and a Cube server.
 *
 * Each tab runs the built package in a global scope of its own (`node:vm`), so that its clock, timers, locks and
 * messages are its own, and a crash ends them all.
 */
export class World {
  now = START;
  /** @type {{ at: number, serial: number, run: () => void, owner?: Tab | Machine }[]} */
  #tasks = [];
  #serial = 0;
  #issued = new Map();
  /** The first violation, and what happened before it. */
  violation = undefined;
  history = [];

  constructor(script, seed) {
    this.script = script;
    this.random = numbers(seed);
    this.endpoint = {
      mode: "works",
      latency: 50,
      ttl: 60,
      keys: 1,
      signsWith: 1,
      retryAfter: 0,
      healthyAt: START,
    };
    /** The longest latency of an answer, one way. */
    this.slowest = this.endpoint.latency;
    this.requests = [];
    this.tokens = new Map();
    this.machines = [];
  }

  /** The source of the current tab's `Math.random()`. */
  dice() {
    return this.random;
  }

  /** The package in a global scope of its own. */
  realm(globals, _tab) {
    const { clock, dice, ...names } = globals;
    const scope = vm.createContext(names);
    Object.assign(scope, { clock, dice });
    vm.runInContext("Date.now = clock; Math.random = dice;", scope);
    this.script.runInContext(scope);
    return scope.cubeTokenManager;
  }

  /** Called when a step reads or changes shared state. */
  touch(_what, _write) {}

  /** Called before a stored value is replaced, or erased (`null`). */
  onWrite(_tab, _before, _after) {}

  /** Called when a message has arrived in a tab. */
  onNews(_tab, _news) {}

  between(low, high) {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  log(text) {
    this.history.push(`${((this.now - START) / 1000).toFixed(3).padStart(9)} s  ${text}`);
    if (this.history.length > 400) this.history.splice(0, 200);
  }

  fail(text) {
    if (this.violation) return;
    this.violation = text;
    this.log(`VIOLATION: ${text}`);
  }

  /** @param _what the kind of step, for a world that reorders steps. */
  schedule(delay, run, owner, _what) {
    const task = { at: this.now + Math.max(0, delay), serial: this.#serial++, run, owner };
    this.#tasks.push(task);
    return task;
  }

  cancel(task) {
    const index = this.#tasks.indexOf(task);
    if (index >= 0) this.#tasks.splice(index, 1);
  }

  pending(owner) {
    return this.#tasks.filter((task) => task.owner === owner).length;
  }

  /** Runs everything due within `duration` ms; the microtasks of each task run before the next one. */
  async advance(duration) {
    const end = this.now + duration;
    // First the consequences of what was just done.
    await settled();
    while (!this.violation) {
      let next;
      for (const task of this.#tasks) {
        if (task.at > end || task.owner?.standsStill()) continue;
        if (!next || task.at < next.at || (task.at === next.at && task.serial < next.serial)) next = task;
      }
      if (!next) break;
      this.cancel(next);
      if (next.owner?.gone) continue;
      this.now = Math.max(this.now, next.at);
      next.run();
      await settled();
    }
    this.now = end;
  }

  /** @param requestedBy the identity of the manager that asked. */
  issue(user, requestedBy) {
    const { ttl, signsWith, mode } = this.endpoint;
    const last = this.#issued.get(`${user} ${requestedBy}`);
    // A cache in between repeats the answer while it is valid.
    const known = this.tokens.get(last);
    const isKept =
      mode === "caches"
        ? known?.ttl === ttl && known.exp * 1000 > this.now
        : mode === "repeats" && this.accepts(last);
    if (isKept) {
      known.servedAt = this.now;
      return last;
    }
    const iat = Math.floor(this.now / 1000);
    const claims = { sub: user, n: this.tokens.size, iat, exp: iat + ttl };
    const token = `${base64url({ alg: "HS256" })}.${base64url(claims)}.c2ln`;
    this.tokens.set(token, {
      ...claims,
      ttl,
      key: signsWith,
      issuedAt: this.now,
      servedAt: this.now,
      requestedBy,
    });
    this.#issued.set(`${user} ${requestedBy}`, token);
    return token;
  }

  /** Cube's rule: its own clock, no tolerance, and its one key. */
  accepts(token) {
    const known = this.tokens.get(token);
    return Boolean(known) && known.exp * 1000 > this.now && known.key === this.endpoint.keys;
  }
}

/** A computer: one wrong clock, one browser profile. */
export class Machine {
  /** @param drift how fast its clocks run, as a fraction. */
  constructor(world, skew, drift) {
    this.world = world;
    this.skew = skew;
    this.drift = drift;
    this.sleptUntil = 0;
    this.slept = 0;
    this.tabs = [];
    this.values = new Map();
    this.storage = "works";
    this.locks = new Map();
    this.hasLocks = true;
    world.machines.push(this);
  }

  wall() {
    return Math.floor(this.world.now + this.skew + (this.world.now - START) * this.drift);
  }

  mono() {
    return (this.world.now - START - this.slept) * (1 + this.drift);
  }

  standsStill() {
    return this.world.now < this.sleptUntil;
  }

  sleep(duration) {
    const end = this.world.now + duration;
    // A sleeping machine sleeps longer, and no clock goes backwards.
    const from = Math.max(this.world.now, Math.min(this.sleptUntil, end));
    this.slept += end - from;
    this.sleptUntil = Math.max(this.sleptUntil, end);
    this.world.schedule(duration, () => {});
  }
}

/** A page: its own global scope, with the package in it. */
export class Tab {
  gone = false;
  frozen = false;
  tokens = undefined;
  listeners = new Map();
  channels = new Set();
  timers = new Set();
  lockRequests = 0;
  /** It has read the storage since its last answer. */
  hasLooked = false;
  /** Timers fired since the last check. */
  fired = 0;
  /** It crashes before its next write. */
  crashesAtWrite = false;

  constructor(machine, name) {
    this.machine = machine;
    this.world = machine.world;
    this.name = name;
    machine.tabs.push(this);
    const { world } = this;
    const listen = {
      addEventListener: (type, listener) => {
        const all = this.listeners.get(type) ?? new Set();
        this.listeners.set(type, all.add(listener));
      },
      removeEventListener: (type, listener) => void this.listeners.get(type)?.delete(listener),
    };
    const tab = this;
    this.library = world.realm(
      {
        setTimeout: (run, delay = 0) => {
          const task = world.schedule(
            // As in browsers: a delay beyond 32 bits fires at once.
            Math.max(delay > 2 ** 31 - 1 ? 0 : delay, 1),
            () => {
              this.timers.delete(task);
              this.fired++;
              run();
            },
            this,
            { kind: "timer" },
          );
          this.timers.add(task);
          return task;
        },
        clearTimeout: (task) => {
          if (!task) return;
          this.timers.delete(task);
          world.cancel(task);
        },
        performance: {
          now: () => {
            world.touch("clock");
            return machine.mono();
          },
        },
        clock: () => {
          world.touch("clock");
          return machine.wall();
        },
        dice: world.dice(this),
        navigator: machine.hasLocks ? { locks: { request: (...args) => this.#requestLock(...args) } } : {},
        BroadcastChannel: class {
          onmessage = null;
          constructor(channel) {
            this.name = channel;
            world.touch(`channels of ${tab.name}`, true);
            tab.channels.add(this);
          }
          postMessage(data) {
            if (JSON.stringify(data).includes("eyJ")) world.fail("a token in a message");
            for (const other of machine.tabs) {
              if (other !== tab) world.touch(`channels of ${other.name}`);
              for (const channel of other.channels) {
                if (channel === this || channel.name !== this.name) continue;
                const copy = structuredClone(data);
                const deliver = () => {
                  if (!other.channels.has(channel)) return;
                  world.onNews(other, copy);
                  channel.onmessage?.({ data: copy });
                };
                const what = { kind: "message", from: tab, text: copy.type };
                other.#inOrder(deliver, what);
                // A duplicate must do no harm.
                if (world.random() < 0.05) other.#inOrder(deliver, what);
              }
            }
          }
          close() {
            world.touch(`channels of ${tab.name}`, true);
            tab.channels.delete(this);
          }
        },
        fetch: (_url, { signal }) => this.#fetch(signal),
        document: { visibilityState: "visible", ...listen },
        ...listen,
        AbortController,
        AbortSignal,
        DOMException,
        Headers,
        TextDecoder,
        TextEncoder,
        URL,
        atob,
        decodeURIComponent,
        reportError: (error) => world.fail(`a listener's error: ${error}`),
      },
      this,
    );
    this.lastMessageAt = 0;
  }

  standsStill() {
    return this.frozen || this.machine.standsStill();
  }

  /** Messages of one tab arrive in order, each after a delay of its own. */
  #inOrder(run, what) {
    this.lastMessageAt = Math.max(this.lastMessageAt, this.world.now + this.world.between(0, 20));
    this.world.schedule(this.lastMessageAt - this.world.now, run, this, what);
  }

  #requestLock(name, options, callback) {
    const { machine, world } = this;
    const state = machine.locks.get(name) ?? { holder: undefined, queue: [] };
    machine.locks.set(name, state);
    const what = { kind: "lock", text: name, serial: this.lockRequests++ };
    const touch = () => world.touch(`lock ${name}`, true);
    touch();
    return new Promise((resolve, reject) => {
      const { ifAvailable, signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      const request = { tab: this };
      request.grant = () => {
        touch();
        state.holder = request;
        request.release = () => {
          if (state.holder !== request) return;
          touch();
          state.holder = undefined;
          nextHolder(state);
        };
        world.schedule(
          world.between(0, 3),
          async () => {
            try {
              if (signal?.aborted && !request.started) throw signal.reason;
              request.started = true;
              const result = await callback({ name });
              request.release();
              resolve(result);
            } catch (error) {
              request.release();
              reject(error);
            }
          },
          this,
          what,
        );
      };
      if (!state.holder) return request.grant();
      if (ifAvailable) {
        const refuse = async () => resolve(await callback(null));
        return void world.schedule(1, refuse, this, { ...what, text: `${name} (taken)` });
      }
      state.queue.push(request);
      signal?.addEventListener("abort", () => {
        const index = state.queue.indexOf(request);
        if (index < 0) return;
        touch();
        state.queue.splice(index, 1);
        reject(signal.reason);
      });
    });
  }

  #fetch(signal) {
    const { world, machine } = this;
    const { endpoint } = world;
    const { identity } = this;
    const request = { machine, tab: this, at: world.now, open: true };
    world.requests.push(request);
    machine.onRequest?.(this);
    world.log(`${this.name} requests a token (${endpoint.mode})`);
    return new Promise((resolve, reject) => {
      const end = (settle) => {
        this.hasLooked = false;
        request.open = false;
        settle();
      };
      signal.addEventListener("abort", () => {
        request.timedOut = signal.reason?.code === "ERR_TIMEOUT";
        end(() => reject(signal.reason));
      });
      const { mode, latency } = endpoint;
      if (mode === "hangs") return;
      // The session at the time of the answer decides the user.
      world.schedule(
        world.between(1, latency),
        () => {
          const status = mode === "fails" ? 503 : mode === "refuses" ? 401 : 200;
          world.touch("source", true);
          const token = status === 200 ? world.issue(machine.user, identity) : undefined;
          if (token) Object.assign(world.tokens.get(token), { askedAt: request.at, askedBy: this });
          const headers = new Headers({
            date: new Date(world.now).toUTCString(),
            "content-type": "application/json",
          });
          if (endpoint.retryAfter && status === 503) headers.set("retry-after", String(endpoint.retryAfter));
          world.schedule(
            world.between(1, latency),
            () =>
              end(() => {
                if (mode === "lost") return reject(new TypeError("Failed to fetch"));
                if (token) world.tokens.get(token).hasArrived = true;
                resolve({
                  ok: status === 200,
                  status,
                  headers,
                  redirected: false,
                  text: async () => JSON.stringify({ token }),
                });
              }),
            this,
            { kind: "answer", text: token ? `token ${world.tokens.get(token).n}` : status },
          );
        },
        undefined,
        { kind: "source", from: this, text: machine.user },
      );
    });
  }

  /** Storage shared by all tabs of the machine; it takes time, and may fail. */
  storageOf() {
    const { machine, world } = this;
    const operate = (text, act) =>
      new Promise((resolve, reject) => {
        const { storage } = machine;
        if (storage === "hangs") return;
        world.schedule(
          world.between(0, 5),
          () => {
            if (storage === "throws") reject(new Error("storage"));
            else {
              world.touch("storage", text !== "reads");
              if (text === "reads") this.hasLooked = true;
              resolve(act());
            }
          },
          this,
          { kind: "storage", text },
        );
      });
    return {
      getItem: (key) => operate("reads", () => machine.values.get(key) ?? null),
      setItem: (key, value) => {
        if (this.crashesAtWrite) {
          world.log(`${this.name} crashes between the answer and the write`);
          const last = world.requests.findLast(({ tab }) => tab === this);
          if (last) last.untold = true;
          this.close();
          return new Promise(() => {});
        }
        return operate("writes", () => {
          world.onWrite(this, machine.values.get(key), value);
          machine.values.set(key, value);
          machine.writtenAt = world.now;
        });
      },
      removeItem: (key) =>
        operate("erases", () => {
          world.onWrite(this, machine.values.get(key), null);
          machine.values.delete(key);
        }),
    };
  }

  send(type, event = {}) {
    for (const listener of [...(this.listeners.get(type) ?? [])]) listener({ type, ...event });
  }

  /** The page is gone, with its timers, messages and locks. */
  close() {
    this.gone = true;
    const { machine } = this;
    this.world.touch(`channels of ${this.name}`, true);
    machine.tabs.splice(machine.tabs.indexOf(this), 1);
    this.channels.clear();
    for (const request of this.world.requests) {
      if (request.tab !== this || !request.open) continue;
      request.open = false;
      machine.leftAskingAt = this.world.now;
    }
    for (const [name, state] of machine.locks) {
      this.world.touch(`lock ${name}`, true);
      state.queue = state.queue.filter(({ tab }) => tab !== this);
      if (state.holder?.tab === this) state.holder.release();
    }
  }
}

function nextHolder(state) {
  const next = state.queue.shift();
  if (next) next.grant();
}
