import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  type CubeTokenManager,
  type CustomStorage,
  customStorage,
  memoryStorage,
  type TokenEvent,
} from "../../src/index.js";
import { readNews } from "../../src/tabs/messages.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { SimulatedChannel, type SimulatedLocks, simulateTabs, USER_AGENT } from "../support/tabs.js";
import { advance, HOUR, MINUTE, SECOND, settle, World } from "../support/world.js";

let world: World;
let locks: SimulatedLocks;
/** The storage that all tabs share; asynchronous, like IndexedDB. */
let storage: CustomStorage;
let values: Map<string, string>;

beforeEach(() => {
  world = new World();
  locks = simulateTabs();
  values = new Map();
  const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
  storage = {
    async getItem(key) {
      await soon();
      return values.get(key) ?? null;
    },
    async setItem(key, value) {
      await soon();
      values.set(key, value);
    },
    async removeItem(key) {
      await soon();
      values.delete(key);
    },
  };
});

/** The same, synchronous, like localStorage. */
const sync: CustomStorage = {
  getItem: (key) => values.get(key) ?? null,
  setItem: (key, value) => void values.set(key, value),
  removeItem: (key) => void values.delete(key),
};

const later = (duration: number) => new Promise<void>((resolve) => setTimeout(resolve, duration));

interface Tab {
  tokens: CubeTokenManager;
  events: TokenEvent[];
}

const shared = (storage: CustomStorage) => customStorage(storage, { shared: true });

function open(options: object = {}): Tab {
  const tokens = create({ endpoint: "/token", fetch: world.fetch, storage: shared(storage), ...options });
  const events: TokenEvent[] = [];
  tokens.subscribe(outcomes((event) => events.push(event)));
  return { tokens, events };
}
/** Sends a message from another tab. */
const say = (news: unknown) => new SimulatedChannel("cube-token-manager:cube.token").postMessage(news);
const openMany = (count: number, options?: object) => Array.from({ length: count }, () => open(options));
const types = ({ events }: Tab) => events.map(({ type }) => type);
const outcome = (promise: Promise<string>) => promise.catch((error) => error);
const stored = () => (values.size ? JSON.parse(values.get("cube.token")!) : undefined);

describe("twenty tabs", () => {
  it("that ask at the same time send one request, and get the same token", async () => {
    const tabs = openMany(20);
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(SECOND);
    expect(new Set(await Promise.all(calls))).toEqual(new Set(world.tokens));
    expect(world.requests.length).toBe(1);
    expect(tabs.flatMap(({ events }) => events.map((event) => "from" in event && event.from)).sort()).toEqual(
      ["source", ...Array(19).fill("storage")],
    );
    expect(locks.held()).toEqual([]);
    expect(locks.waiting()).toBe(0);
  });

  it("need no messages for that: a tab that gets the lock reads the storage again", async () => {
    vi.stubGlobal("BroadcastChannel", undefined);
    storage.setItem = async (key, value) => {
      await later(200);
      values.set(key, value);
    };
    const tabs = openMany(5);
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(2 * SECOND);
    expect(new Set(await Promise.all(calls)).size).toBe(1);
    expect(world.requests.length).toBe(1);
  });

  it.each(["constructor", "postMessage", "close", "unref"])(
    "work with a channel that throws: %s",
    async (method) => {
      const boom = () => {
        throw new DOMException("The channel is closed.", "InvalidStateError");
      };
      class Broken extends SimulatedChannel {
        constructor(name: string) {
          super(name);
          if (method === "constructor") boom();
          Object.assign(this, { [method]: boom });
        }
      }
      vi.stubGlobal("BroadcastChannel", Broken);
      const { tokens } = open();
      const call = tokens.getToken();
      await advance(SECOND);
      expect(await call).toBe(world.tokens[0]);
      const cleared = tokens.clear();
      await advance(SECOND);
      await cleared;
      expect(values.size).toBe(0);
      tokens.getToken().catch(() => {});
      expect(() => tokens.dispose()).not.toThrow();
    },
  );

  it("wait for a storage that reaches other tabs with a delay (localStorage, cookies)", async () => {
    vi.stubGlobal("BroadcastChannel", undefined);
    /** A tab's view of it: its own writes at once, those of others after 60 ms. */
    const view = (): CustomStorage => {
      let own: string | null = null;
      return {
        getItem: (key) => own ?? values.get(key) ?? null,
        setItem: (key, value) => {
          own = value;
          setTimeout(() => values.set(key, value), 60);
        },
        removeItem: (key) => void values.delete(key),
      };
    };
    const tabs = Array.from({ length: 5 }, () => open({ storage: shared(view()) }));
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(2 * SECOND);
    expect(new Set(await Promise.all(calls)).size).toBe(1);
    expect(world.requests.length).toBe(1);
  });

  describe("over five lifetimes", () => {
    /** The number of requests that `count` tabs send if their callers ask again every `pause` ms. */
    const run = async (count: number, pause: number) => {
      const start = world.requests.length;
      const tabs = openMany(count);
      const calls = tabs.map(({ tokens }) => tokens.getToken());
      await advance(SECOND);
      await Promise.all(calls);
      for (let time = 0; time < 25 * MINUTE; time += pause) {
        await advance(pause);
        for (const { tokens } of tabs) {
          expect(world.accepts(await tokens.getToken())).toBe(true);
          expect(tokens.getSnapshot().error).toBeUndefined();
        }
      }
      for (const { tokens } of tabs) await Promise.all([tokens.clear(), advance(10)]);
      return world.requests.length - start;
    };

    it("send as many requests as one", async () => {
      vi.spyOn(Math, "random").mockReturnValue(0.5);
      const one = await run(1, 20 * SECOND);
      expect(await run(20, 20 * SECOND)).toBe(one);
    });

    it("ask an endpoint that caches as often as one, and keep using its token", async () => {
      vi.spyOn(Math, "random").mockReturnValue(0.5);
      world.cache();
      const one = await run(1, 5 * SECOND);
      expect(one).toBeGreaterThan(10);
      world.cache();
      expect(await run(20, 5 * SECOND)).toBe(one);
    });
  });

  it.each([503, 401, 0])(
    "share one budget of requests while the endpoint fails (%s), and its error",
    async (status) => {
      const tabs = openMany(20);
      world.answer = () => {
        if (!status) throw new TypeError("Failed to fetch");
        return new Response(null, { status });
      };
      const start = world.now();
      const errors: unknown[] = [];
      for (let time = 0; time < 5 * MINUTE; time += SECOND) {
        for (const { tokens } of tabs) outcome(tokens.getToken()).then((error) => errors.push(error));
        await advance(SECOND);
      }
      await advance(MINUTE);
      const perMinute = [0, 1, 2, 3, 4].map(
        (minute) => world.requests.filter((at) => Math.floor((at - start) / MINUTE) === minute).length,
      );
      expect(perMinute[0]).toBeLessThanOrEqual(10);
      for (const count of perMinute.slice(1)) expect(count).toBeLessThanOrEqual(3);
      const codes = new Set(errors.map((error) => (error as { code: string }).code));
      expect(codes).toEqual(
        new Set([{ 503: "ERR_HTTP_STATUS", 401: "ERR_UNAUTHENTICATED", 0: "ERR_NETWORK" }[status]]),
      );
      // And all recover with the source, with one request.
      world.answer = () => undefined;
      const before = world.requests.length;
      const calls = tabs.map(({ tokens }) => outcome(tokens.getToken()));
      await advance(31 * SECOND);
      const late = tabs.map(({ tokens }) => outcome(tokens.getToken()));
      await advance(SECOND);
      await Promise.all(calls);
      expect(new Set(await Promise.all(late))).toEqual(new Set([world.tokens.at(-1)]));
      expect(world.requests.length - before).toBe(1);
    },
  );

  it("share an opaque token that the source extends each time", async () => {
    const fetchToken = vi.fn(async () => ({ token: "session", expires_in: 20 }));
    const make = () => create({ fetchToken, storage: shared(storage) });
    const tabs = [make(), make(), make()];
    for (let time = 0; time < 2 * MINUTE; time += SECOND) {
      for (const tokens of tabs) tokens.getToken();
      await advance(SECOND);
    }
    // Never before a tenth of its lifetime, and rarely before a quarter.
    expect(fetchToken.mock.calls.length).toBeLessThan(24);
    for (const tokens of tabs) expect(tokens.getSnapshot().status).not.toBe("expired");
  });

  it.each(["fails", "signs out", "signs with a wrong secret"])(
    "share it even if they open one after another: the endpoint %s",
    async (what) => {
      const codes = { fails: 503, "signs out": 401 } as Record<string, number>;
      if (codes[what]) world.answer = () => new Response(null, { status: codes[what]! });
      for (const dice of [0, 0.999]) {
        vi.spyOn(Math, "random").mockReturnValue(dice);
        const start = world.now();
        const tabs: Tab[] = [];
        for (let time = 0; time < 3 * MINUTE; time += SECOND) {
          if (time % (3 * SECOND) === 0 && tabs.length < 20) tabs.push(open());
          for (const { tokens } of tabs) tokens.getToken().then(tokens.invalidate, () => {});
          await advance(SECOND);
        }
        const within = (from: number) =>
          world.requests.filter((at) => at >= from && at < from + MINUTE).length;
        expect(within(start)).toBeLessThanOrEqual(10);
        for (const at of world.requests.filter((at) => at >= start + MINUTE)) {
          expect(within(at)).toBeLessThanOrEqual(3);
        }
        for (const { tokens } of tabs) tokens.dispose();
        values.clear();
      }
    },
  );

  it("that open long after the others have failed start afresh", async () => {
    world.answer = () => new Response(null, { status: 503 });
    const [old] = openMany(1, { autoRefresh: false });
    for (let time = 0; time < 2 * MINUTE; time += SECOND) {
      outcome(old!.tokens.getToken());
      await advance(SECOND);
    }
    await advance(HOUR);
    const before = world.requests.length;
    outcome(open().tokens.getToken());
    await advance(30 * SECOND);
    expect(world.requests.length - before).toBeGreaterThanOrEqual(4);
  });

  it("respect a Retry-After that one of them received", async () => {
    const tabs = openMany(3);
    world.answer = () => new Response(null, { status: 429, headers: { "retry-after": "60" } });
    const calls = tabs.map(({ tokens }) => outcome(tokens.getToken()));
    await advance(SECOND);
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "ERR_HTTP_STATUS", status: 429, retryAfter: 60_000 });
    }
    await advance(40 * SECOND);
    expect(await Promise.all(tabs.map(({ tokens }) => outcome(tokens.getToken())))).toMatchObject(
      Array(3).fill({ status: 429 }),
    );
    expect(world.requests.length).toBe(1);
  });

  it.each(["signs another each time", "caches"])(
    "replace a refused token once, and count refusals together; the endpoint %s",
    async (what) => {
      const tabs = openMany(20);
      const start = world.now();
      const token = world.issue({ exp: Math.floor(start / 1000) + 3600 });
      if (what === "caches") world.answer = () => world.respond({ token });
      for (let time = 0; time < 3 * MINUTE; time += SECOND) {
        // A chart in each, and a Cube with another secret.
        for (const { tokens } of tabs) tokens.getToken().then((token) => tokens.invalidate(token));
        await advance(SECOND);
      }
      const perMinute = [0, 1, 2].map(
        (minute) => world.requests.filter((at) => Math.floor((at - start) / MINUTE) === minute).length,
      );
      expect(perMinute[0]).toBeLessThanOrEqual(10);
      for (const count of perMinute.slice(1)) expect(count).toBeLessThanOrEqual(3);
    },
  );

  it("that receive a refusal do not serve the token", async () => {
    const [one, two] = openMany(2);
    const calls = [one, two].map((tab) => tab!.tokens.getToken());
    await advance(SECOND);
    one!.tokens.invalidate(await calls[0]);
    await advance(10);
    expect(two!.tokens.getSnapshot().status).toBe("expired");
    expect(types(two!)).toContain("invalidated");
    const next = two!.tokens.getToken();
    await advance(SECOND);
    expect(await next).toBe(world.tokens[1]);
    expect(await one!.tokens.getToken()).toBe(world.tokens[1]);
    expect(world.requests.length).toBe(2);
  });
});

describe("a tab that holds the lock", () => {
  /** Holds the lock forever, like a frozen tab. */
  const freeze = (name: string) => locks.request(name, {}, () => new Promise(() => {}));

  it("and is frozen is bypassed: the others send one request together, within requestTimeout + 3 s", async () => {
    freeze("cube-token-manager.turn:cube.token");
    await settle();
    const tabs = openMany(20);
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(12_900);
    expect(world.requests.length).toBe(0);
    await advance(500);
    expect(new Set(await Promise.all(calls)).size).toBe(1);
    expect(world.requests.length).toBe(1);
    // From now on it is known to be stuck, and there is no wait.
    const [tab] = tabs;
    const next = tab!.tokens.getToken({ forceRefresh: true });
    await advance(10);
    await next;
    expect(world.requests.length).toBe(2);
  });

  it("is bypassed even if messages announce tokens that never reach the storage", async () => {
    freeze("cube-token-manager.turn:cube.token");
    await settle();
    const { tokens } = open({
      storage: shared({ ...storage, getItem: () => Promise.reject(new Error("broken")) }),
    });
    const call = tokens.getToken();
    for (let time = 0; time < 14; time += 2) {
      say({ v: 1, type: "refreshed", age: 1, at: Date.now() });
      await advance(2 * SECOND);
    }
    expect(world.requests.length).toBe(1);
    expect(await call).toBe(world.tokens[0]);
  });

  it("does not block the others even if both locks are stuck", async () => {
    freeze("cube-token-manager.turn:cube.token");
    freeze("cube-token-manager.second:cube.token");
    await settle();
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(27 * SECOND);
    expect(await call).toBe(world.tokens[0]);
  });

  it("is not waited for in a browser that never answers either", async () => {
    vi.stubGlobal("navigator", { userAgent: USER_AGENT, locks: { request: () => new Promise(() => {}) } });
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(30 * SECOND);
    expect(await call).toBe(world.tokens[0]);
  });

  it("and loses it (stolen) still completes its refresh", async () => {
    world = new World({ latency: 500 });
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(100);
    locks.steal("cube-token-manager.turn:cube.token");
    await advance(SECOND);
    expect(await call).toBe(world.tokens[0]);
  });

  it("calls no listener while it holds the lock", async () => {
    const held: string[] = [];
    const told: string[] = [];
    const { tokens } = open();
    // The "settling" lock only marks that there is something new; it is no tab's turn.
    tokens.subscribe(({ type }) => {
      told.push(type);
      held.push(...locks.held().filter((name) => !name.includes("settling")));
    });
    const call = tokens.getToken();
    await advance(SECOND);
    await call;
    world.answer = () => new Response(null, { status: 500 });
    const forced = outcome(tokens.getToken({ forceRefresh: true }));
    await advance(SECOND);
    await forced;
    expect(held).toEqual([]);
    expect(told).toEqual([
      ...["refreshing", "requested", "refreshed"],
      ...["refreshing", "requested", "attemptfailed", "refreshfailed"],
    ]);
  });

  it.each(["getItem", "setItem"] as const)(
    "calls none for a storage that fails either: %s",
    async (method) => {
      const held: string[] = [];
      const told: string[] = [];
      let reads = 0;
      const storage: CustomStorage = {
        ...sync,
        [method]: () => {
          // The first read comes before the lock.
          if (method === "getItem" && !reads++) return null;
          throw new Error();
        },
      };
      const { tokens } = open({ storage: shared(storage) });
      tokens.subscribe(({ type }) => {
        told.push(type);
        held.push(...locks.held().filter((name) => !name.includes("settling")));
      });
      const call = tokens.getToken();
      await advance(SECOND);
      expect(await call).toBe(world.tokens[0]);
      expect(held).toEqual([]);
      expect(told.sort()).toEqual(["refreshed", "refreshing", "requested", "storagefailed"]);
    },
  );

  it("releases it on clear() and dispose(), and waiting tabs leave the queue", async () => {
    world.answer = () => new Promise(() => {});
    const [one, two] = openMany(2);
    for (const end of ["clear", "dispose"] as const) {
      const calls = [one, two].map((tab) => outcome(tab!.tokens.getToken()));
      await advance(100);
      expect(locks.held()).toHaveLength(1);
      expect(locks.waiting()).toBe(1);
      one!.tokens[end]();
      two!.tokens[end]();
      await advance(200);
      await Promise.all(calls);
      expect(locks.held()).toEqual([]);
      expect(locks.waiting()).toBe(0);
    }
    expect(SimulatedChannel.open.size).toBe(0);
  });
});

describe("sign-out in one tab", () => {
  it("signs out all, once each", async () => {
    const tabs = openMany(5);
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    tabs[0]!.tokens.clear();
    await advance(SECOND);
    for (const tab of tabs) {
      expect(types(tab)).toEqual(["refreshed", "cleared"]);
      expect(tab.tokens.getSnapshot()).toEqual({ status: "empty", refreshing: false });
    }
    expect(values.size).toBe(0);
  });

  it("rejects pending calls in the others, whatever is in flight there", async () => {
    world = new World({ latency: 3 * SECOND });
    const [one, two, three] = openMany(3);
    const calls = [two, three].map((tab) => outcome(tab!.tokens.getToken()));
    await advance(SECOND);
    one!.tokens.clear();
    await advance(10);
    expect(await Promise.all(calls)).toMatchObject(Array(2).fill({ code: "ERR_CLEARED" }));
    await advance(10 * SECOND);
    expect(values.size).toBe(0);
    expect(one!.tokens.getSnapshot().status).toBe("empty");
  });

  it("at any moment of a refresh in another leaves nothing in the storage", async () => {
    world = new World({ latency: 5 });
    // A write that started before the sign-out ends after it.
    storage.setItem = async (key, value) => {
      await later(5);
      values.set(key, value);
    };
    for (let delay = 0; delay < 60; delay++) {
      const [one, two] = openMany(2);
      const first = one!.tokens.getToken();
      await advance(SECOND);
      await first;
      const call = outcome(two!.tokens.getToken({ forceRefresh: true }));
      await advance(delay / 2);
      one!.tokens.clear();
      await advance(SECOND);
      await call;
      expect(values.size).toBe(0);
      for (const tab of [one, two]) {
        expect(tab!.tokens.getSnapshot().status).toBe("empty");
        tab!.tokens.dispose();
      }
    }
  });

  it("reaches a tab that starts at the same time, and reads the token that is being erased", async () => {
    const one = open();
    const call = one.tokens.getToken();
    await advance(SECOND);
    await call;
    storage.removeItem = async (key) => {
      await later(50);
      values.delete(key);
    };
    const cleared = one.tokens.clear();
    const two = open();
    const late = outcome(two.tokens.getToken());
    await advance(SECOND);
    await cleared;
    expect(await late).toBe(world.tokens[0]);
    expect(two.tokens.getSnapshot().status).toBe("empty");
    expect(types(two)).toEqual(["refreshed", "cleared"]);
    expect(values.size).toBe(0);
  });

  it("reaches a tab once that asks again immediately", async () => {
    const [one, two] = openMany(2);
    const calls = [one, two].map((tab) => tab!.tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    storage.removeItem = async (key) => {
      await later(50);
      values.delete(key);
    };
    one!.tokens.clear();
    await advance(10);
    const next = two!.tokens.getToken();
    await advance(SECOND);
    expect(await next).toBe(world.tokens[1]);
    expect(types(two!)).toEqual(["refreshed", "cleared", "refreshed"]);
  });

  it("is followed by a new sign-in there, whose token the others take over", async () => {
    const [one, two] = openMany(2);
    const calls = [one, two].map((tab) => tab!.tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    one!.tokens.clear();
    await advance(SECOND);
    const again = one!.tokens.getToken();
    await advance(SECOND);
    const other = two!.tokens.getToken();
    await advance(SECOND);
    expect(await other).toBe(await again);
    expect(world.requests.length).toBe(2);
  });

  it("is not undone by a tab that has not received it yet", async () => {
    const [one, two] = openMany(2);
    const calls = [one, two].map((tab) => tab!.tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    const late = values.get("cube.token")!;
    one!.tokens.clear();
    await advance(SECOND);
    // Written by a tab that was too busy to receive the message.
    values.set("cube.token", late);
    const again = one!.tokens.getToken();
    await advance(SECOND);
    expect(await again).toBe(world.tokens.at(-1));
    expect(world.requests.length).toBe(2);
  });
});

describe("another identity on the same key", () => {
  it("counts as a sign-out in the tabs of the old one, which serve no more tokens", async () => {
    const ada = openMany(2, { identity: "ada" });
    const calls = ada.map(({ tokens }) => tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    const grace = open({ identity: "grace" });
    const call = grace.tokens.getToken();
    await advance(SECOND);
    const token = await call;
    for (const tab of ada) {
      expect(types(tab).at(-1)).toBe("cleared");
      expect(await outcome(tab.tokens.getToken())).toMatchObject({ code: "ERR_CLEARED" });
      expect(await outcome(tab.tokens.getToken({ forceRefresh: true }))).toMatchObject({
        message: expect.stringContaining("Reload"),
      });
    }
    expect(stored()).toMatchObject({ token, identity: "grace" });
    // Signing out there does not affect the new user.
    ada[0]!.tokens.clear();
    await advance(SECOND);
    expect(stored()).toMatchObject({ identity: "grace" });
    expect(types(grace)).toEqual(["refreshed"]);
    expect(await grace.tokens.getToken()).toBe(token);
  });

  it("counts as one even in the same millisecond", async () => {
    // The simulated locks take time.
    vi.stubGlobal("navigator", { userAgent: USER_AGENT });
    const ada = open({
      identity: "ada",
      fetch: async () => world.respond({ token: world.issue() }),
      storage: shared(sync),
    });
    await ada.tokens.getToken();
    const grace = open({
      identity: "grace",
      fetch: async () => world.respond({ token: world.issue() }),
      storage: shared(sync),
    });
    await grace.tokens.getToken();
    await settle();
    expect(types(ada).at(-1)).toBe("cleared");
    expect(types(grace)).toEqual(["refreshed"]);
  });

  it("has already ended the old one's manager when its listener is called", async () => {
    const ada = open({ identity: "ada" });
    const first = ada.tokens.getToken();
    await advance(SECOND);
    await first;
    const answers: unknown[] = [];
    ada.tokens.subscribe(({ type }) => type === "cleared" && answers.push(outcome(ada.tokens.getToken())));
    const call = open({ identity: "grace" }).tokens.getToken();
    await advance(SECOND);
    await call;
    expect(await Promise.all(answers)).toMatchObject([{ code: "ERR_CLEARED" }]);
    expect(world.requests.length).toBe(2);
  });

  it("is not overwritten by a refresh of the old one that ends later", async () => {
    world = new World({ latency: SECOND });
    const ada = open({ identity: "ada" });
    const first = ada.tokens.getToken();
    await advance(2 * SECOND);
    await first;
    // A tab that receives no messages, in the middle of its refresh.
    const late = outcome(ada.tokens.getToken({ forceRefresh: true }));
    await advance(500);
    for (const channel of SimulatedChannel.open) channel.close();
    const record = stored();
    values.set(
      "cube.token",
      JSON.stringify({
        ...record,
        token: jwt({ exp: 9e9 }),
        identity: "grace",
        madeAt: Date.now(),
        since: Date.now(),
      }),
    );
    await advance(2 * SECOND);
    expect(await late).toMatchObject({ code: "ERR_CLEARED" });
    expect(stored()).toMatchObject({ identity: "grace" });
    expect(types(ada).at(-1)).toBe("cleared");
  });

  it("that came earlier is notified when it sends a late message", async () => {
    const grace = open({ identity: "grace" });
    const call = grace.tokens.getToken();
    await advance(SECOND);
    await call;
    const sent = SimulatedChannel.sent.length;
    const channel = new SimulatedChannel("cube-token-manager:cube.token");
    channel.postMessage({
      v: 1,
      type: "refreshed",
      identity: "ada",
      age: HOUR,
      at: Date.now(),
    });
    await advance(10);
    expect(SimulatedChannel.sent.slice(sent + 1)).toMatchObject([{ type: "started", identity: "grace" }]);
    expect(grace.tokens.getSnapshot().status).toBe("fresh");
  });
});

describe("a message", () => {
  it("about a new token makes an idle tab use it", async () => {
    const [one, two] = openMany(2);
    const calls = [one, two].map((tab) => tab!.tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    await advance(SECOND);
    const forced = one!.tokens.getToken({ forceRefresh: true });
    await advance(SECOND);
    expect(two!.events.at(-1)).toEqual({ type: "refreshed", from: "storage" });
    expect(await two!.tokens.getToken()).toBe(await forced);
  });

  it("never carries a token", async () => {
    const tabs = openMany(3, { identity: "ada" });
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(SECOND);
    tabs[1]!.tokens.invalidate(await calls[1]);
    world.answer = () => new Response(jwt({ sub: "secret" }), { status: 500 });
    const failed = tabs.map(({ tokens }) => outcome(tokens.getToken()));
    await advance(30 * SECOND);
    await Promise.all(failed);
    tabs[0]!.tokens.clear();
    await advance(SECOND);
    const kinds = new Set(SimulatedChannel.sent.map((news) => (news as { type: string }).type));
    expect([...kinds].sort()).toEqual(["cleared", "failed", "invalidated", "refreshed", "started"]);
    expect(JSON.stringify(SimulatedChannel.sent)).not.toContain("eyJ");
  });

  it("that arrives before the token makes a tab look twice", async () => {
    const [one, two] = openMany(2);
    const calls = [one, two].map((tab) => tab!.tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    const record = stored();
    const token = jwt({ n: 99, iat: 1, exp: Math.floor(world.now() / 1000) + 600 });
    say({
      v: 1,
      type: "refreshed",
      age: 1,
      at: 1,
    });
    await advance(50);
    values.set("cube.token", JSON.stringify({ ...record, token }));
    await advance(200);
    expect(await one!.tokens.getToken()).toBe(token);
    expect(await two!.tokens.getToken()).toBe(token);
  });

  it("reaches a tab that waits for the lock, followed by the token", async () => {
    locks.request("cube-token-manager.turn:cube.token", {}, () => new Promise(() => {}));
    await settle();
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(100);
    say({
      v: 1,
      type: "refreshed",
      age: 1,
      at: 1,
    });
    await advance(50);
    const token = jwt({ exp: Math.floor(world.now() / 1000) + 600 });
    values.set(
      "cube.token",
      JSON.stringify({ v: 1, token, at: Date.now(), ahead: 0, draw: 0.5, madeAt: 1, since: 1 }),
    );
    await advance(100);
    expect(await call).toBe(token);
    expect(world.requests.length).toBe(0);
  });

  it("about an older token is ignored: the freshest wins", async () => {
    const { tokens, events } = open();
    const call = tokens.getToken();
    await advance(SECOND);
    const token = await call;
    const old = jwt({ exp: Math.floor(world.now() / 1000) + 100 });
    values.set("cube.token", JSON.stringify({ ...stored(), token: old }));
    say({
      v: 1,
      type: "refreshed",
      age: 1,
      at: 1,
    });
    await advance(SECOND);
    expect(await tokens.getToken()).toBe(token);
    expect(events).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ["nothing", null],
    ["text", "cleared"],
    ["another version", { v: 2, type: "cleared", age: 1, at: 1 }],
    ["no version", { type: "cleared", age: 1, at: 1 }],
    ["another type", { v: 1, type: "hacked", age: 1, at: 1 }],
    ["no time", { v: 1, type: "cleared" }],
    ["an identity that is not a string", { v: 1, type: "cleared", identity: { toString: 1 }, age: 1, at: 1 }],
    ["a failure without numbers", { v: 1, type: "failed", code: "ERR_NETWORK", age: 1, at: 1 }],
    [
      "an endless failure",
      { v: 1, type: "failed", code: "ERR_NETWORK", failures: 1, wait: Infinity, age: 1, at: 1 },
    ],
    ["a failure of another kind", { v: 1, type: "failed", code: "<b>", failures: 1, wait: 1, age: 1, at: 1 }],
    [
      "a failure whose status is a string",
      { v: 1, type: "failed", code: "ERR_X", status: "eyJ", failures: 1, wait: 1, age: 1, at: 1 },
    ],
    [
      "a refusal of another token",
      { v: 1, type: "invalidated", draw: 2, failures: 9, wait: 9e9, age: 1, at: 1 },
    ],
  ])("that is foreign or malformed is ignored: %s", async (_, data) => {
    const { tokens, events } = open();
    const call = tokens.getToken();
    await advance(SECOND);
    await call;
    say(data);
    await advance(SECOND);
    expect(events).toHaveLength(1);
    expect(tokens.getSnapshot().status).toBe("fresh");
    expect(tokens.getSnapshot().error).toBeUndefined();
  });
});

describe("a message at the moment when the lock is granted", () => {
  it("does not make a tab send a second request", async () => {
    for (let offset = 0; offset < 10; offset += 0.5) {
      let release = () => {};
      const hold = () =>
        new Promise<void>((go) => {
          release = go;
        });
      locks.request("cube-token-manager.turn:cube.token", {}, hold);
      await settle();
      const before = world.requests.length;
      const { tokens } = open();
      const call = outcome(tokens.getToken());
      await advance(SECOND);
      release();
      await advance(offset);
      const failed = { type: "failed", code: "ERR_NETWORK", failures: 1, wait: 10 };
      say({ v: 1, ...failed, age: 1, at: 1 });
      await advance(10 * SECOND);
      await call;
      expect({ offset, requests: world.requests.length - before }).toEqual({ offset, requests: 1 });
      await Promise.all([tokens.clear(), advance(SECOND)]);
      tokens.dispose();
    }
  });
});

describe("two storageKeys on one origin", () => {
  it("never touch each other", async () => {
    const one = open({ storageKey: "one" });
    const two = open({ storageKey: "two", identity: "other" });
    const calls = [one, two].map((tab) => tab.tokens.getToken());
    await advance(SECOND);
    await Promise.all(calls);
    expect(world.requests.length).toBe(2);
    one.tokens.clear();
    await advance(SECOND);
    expect(two.tokens.getSnapshot().status).toBe("fresh");
    expect([...values.keys()]).toEqual(["two"]);
  });
});

describe("without", () => {
  it.each<[string, () => void]>([
    ["Web Locks (plain http)", () => vi.stubGlobal("navigator", { userAgent: USER_AGENT })],
    ["a navigator", () => vi.stubGlobal("navigator", undefined)],
    ["BroadcastChannel", () => vi.stubGlobal("BroadcastChannel", undefined)],
    [
      "permission to use them (a sandboxed frame)",
      () => {
        const refuse = () => {
          throw new DOMException("No", "SecurityError");
        };
        vi.stubGlobal("BroadcastChannel", refuse);
        vi.stubGlobal("navigator", { userAgent: USER_AGENT, locks: { request: async () => refuse() } });
      },
    ],
  ])("%s everything works, but each tab makes its own request", async (_, remove) => {
    remove();
    const tabs = openMany(3);
    const calls = tabs.map(({ tokens }) => tokens.getToken());
    await advance(SECOND);
    expect((await Promise.all(calls)).every((token) => world.accepts(token))).toBe(true);
    await advance(10 * MINUTE);
    for (const { tokens } of tabs) {
      const call = tokens.getToken();
      await advance(SECOND);
      expect(world.accepts(await call)).toBe(true);
    }
    tabs[0]!.tokens.clear();
    await advance(SECOND);
    expect(tabs[0]!.tokens.getSnapshot().status).toBe("empty");
  });

  it.each<[string, object]>([
    ["crossTab", { crossTab: false }],
    ["a storage that tabs share", { storage: memoryStorage() }],
  ])("%s there is no lock and no channel", async (_, options) => {
    const { tokens } = open(options);
    const call = tokens.getToken();
    await settle();
    expect(SimulatedChannel.open.size).toBe(0);
    expect(locks.held()).toEqual([]);
    await advance(SECOND);
    await call;
    await Promise.all([tokens.clear(), advance(SECOND)]);
    expect(SimulatedChannel.sent).toEqual([]);
  });
});

describe("a page that is frozen", () => {
  it("between the answer and the read of the storage does not mistake the answer's Date for the current time", async () => {
    world = new World({ lifetime: 60, skew: HOUR });
    let looks = 0;
    const { getItem } = storage;
    // The third read is the one before the token is adopted.
    storage.getItem = async (key) => {
      if (++looks === 3) await later(40 * SECOND);
      return getItem(key);
    };
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(41 * SECOND);
    await outcome(call);
    await advance(20 * SECOND);
    const next = tokens.getToken();
    await advance(2 * SECOND);
    expect(world.accepts(await next)).toBe(true);
  });
});

describe("the back/forward cache, where no messages arrive", () => {
  const comeBack = () => window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));

  it("restores a page without a request if its token is still stored", async () => {
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(SECOND);
    comeBack();
    const again = tokens.getToken();
    await advance(SECOND);
    expect(await again).toBe(await call);
    expect(world.requests.length).toBe(1);
  });

  it("restores a page that another tab has signed out without its token", async () => {
    const { tokens } = open();
    const call = tokens.getToken();
    await advance(SECOND);
    await call;
    values.clear();
    world.answer = () => new Response(null, { status: 401 });
    comeBack();
    const again = outcome(tokens.getToken());
    await advance(SECOND);
    expect(await again).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
  });
});

describe("a message of another tab", () => {
  const from = (news: object, { identity = undefined as string | undefined, age = 0, ago = 0 } = {}) =>
    say({ v: 1, identity, age, at: Date.now() - ago, ...news });
  /** Calls getToken(); storage and locks take their time. */
  const get = async ({ tokens }: Tab) => {
    const call = outcome(tokens.getToken());
    await advance(300);
    return call;
  };
  const failed = { type: "failed", failures: 3, wait: 20_000, code: "ERR_HTTP_STATUS", status: 503 };

  it("about a failure is a failure for an idle tab too", async () => {
    const tab = open();
    await get(tab);
    tab.events.length = 0;
    from(failed);
    await advance(10);
    expect(tab.events).toMatchObject([
      { type: "refreshfailed", error: { code: "ERR_HTTP_STATUS", status: 503 } },
    ]);
    expect(tab.tokens.getSnapshot().error).toMatchObject({ code: "ERR_HTTP_STATUS" });
    // The token is still served.
    expect(await get(tab)).toBe(world.tokens[0]);
  });

  it("about a failure makes a tab without a token wait equally long", async () => {
    const tab = open();
    await get(tab);
    tab.tokens.invalidate();
    const { length } = world.requests;
    from({ ...failed, wait: 60_000 });
    await advance(10);
    outcome(tab.tokens.getToken());
    await advance(50 * SECOND);
    expect(world.requests.length).toBe(length);
    outcome(tab.tokens.getToken());
    await advance(11 * SECOND);
    expect(world.requests.length).toBe(length + 1);
  });

  it("about an old failure (the tab was frozen) does not restart its pause", async () => {
    const tab = open();
    await get(tab);
    tab.tokens.invalidate();
    const { length } = world.requests;
    from({ ...failed, wait: 60_000, retryAfter: 60_000 }, { ago: 58_000 });
    await advance(10);
    const call = tab.tokens.getToken();
    await advance(3 * SECOND);
    expect(world.requests.length).toBe(length + 1);
    expect(world.accepts(await call)).toBe(true);
  });

  it("about a source that repeats its token counts only for that token, while it is valid", async () => {
    const tab = open();
    await get(tab);
    const { draw } = stored();
    vi.setSystemTime(Date.now() + 4 * MINUTE + 30 * SECOND);
    from({ type: "unchanged", draw: draw + 1 });
    await advance(10);
    await get(tab);
    expect(world.requests.length).toBe(2);
    const { draw: next } = stored();
    vi.setSystemTime(Date.now() + 4 * MINUTE + 30 * SECOND);
    from({ type: "unchanged", draw: next });
    await advance(10);
    expect(await get(tab)).toBe(world.tokens[1]);
    expect(world.requests.length).toBe(2);
    // By then it has expired, so a request is needed.
    vi.setSystemTime(Date.now() + MINUTE);
    from({ type: "unchanged", draw: next });
    await advance(10);
    expect(await get(tab)).toBe(world.tokens[2]);
  });

  it.each(["invalidated", "unchanged"])(
    "about no specific token (%s) is ignored by a tab without a token",
    async (type) => {
      const tab = open();
      tab.tokens.getToken();
      from({ type, failures: 9, wait: 60_000 });
      await advance(SECOND);
      expect(types(tab)).toEqual(["refreshed"]);
      expect(tab.tokens.getSnapshot().status).toBe("fresh");
    },
  );

  it("about a failure does not stop forceRefresh", async () => {
    world.answer = () => undefined;
    const tab = open();
    await get(tab);
    const forced = tab.tokens.getToken({ forceRefresh: true });
    from(failed);
    await advance(SECOND);
    expect(await forced).toBe(world.tokens[1]);
  });

  it("about a refusal counts only for that token, once", async () => {
    const tab = open();
    await get(tab);
    await advance(10);
    tab.events.length = 0;
    const { draw } = stored();
    const refusal = { type: "invalidated", failures: 1, wait: 0 };
    from({ ...refusal, draw: draw / 2 });
    from(refusal);
    await advance(10);
    expect(types(tab)).toEqual([]);
    from({ ...refusal, draw });
    from({ ...refusal, draw });
    await advance(10);
    expect(types(tab)).toEqual(["invalidated"]);
    expect(tab.tokens.getSnapshot().status).toBe("expired");
  });

  it("about the refusal of another token counts if the tab's own one is refused as well", async () => {
    const tab = open();
    await get(tab);
    tab.tokens.invalidate();
    from({ type: "invalidated", failures: 5, wait: 20_000, draw: 0.123 });
    await advance(10);
    // During the pause, the caller must see Cube's own answer.
    expect(await get(tab)).toBe(world.tokens[0]);
    await advance(20 * SECOND);
    expect(await get(tab)).toBe(world.tokens[1]);
    expect(types(tab)).toEqual(["refreshed", "invalidated", "refreshed"]);
  });

  it.each([
    // Created before this tab's manager or after it: by age, and the time that the message took.
    ["started", 60_000, 0, false],
    ["started", 1000, 0, true],
    ["started", 9000, 5000, false],
    ["started", 9000, 0, true],
    ["refreshed", 1000, 0, true],
    ["failed", 1000, 0, true],
    // Another user's sign-out does not affect this tab.
    ["cleared", 1000, 0, false],
    ["cleared", 60_000, 0, false],
    // At the same time: the one that starts now.
    ["started", 10_000, 0, true],
  ])(
    "of another user: %s, its manager %s ms old, %s ms ago: owns the key: %s",
    async (type, age, ago, isTheirs) => {
      const told: unknown[] = [];
      const listener = new SimulatedChannel("cube-token-manager:cube.token");
      listener.onmessage = ({ data }: { data: unknown }) => told.push(data);
      const tab = open({ identity: "ada" });
      await get(tab);
      await advance(10 * SECOND - (performance.now() % 1));
      told.length = 0;
      from({ ...failed, type }, { identity: "grace", age, ago });
      await advance(10);
      const got = await get(tab);
      if (isTheirs) expect(got).toMatchObject({ code: "ERR_CLEARED" });
      else expect(got).toBe(world.tokens[0]);
      // An older manager is notified of the owner of the key.
      const answered = told.some(
        (data) => readNews(data)?.identity === "ada" && readNews(data)?.type === "started",
      );
      expect(answered).toBe(!isTheirs && type !== "cleared" && age + ago !== 10_000);
    },
  );

  it("of another user at the same time, to a tab without a token, is left to the storage", async () => {
    const tab = open({ identity: "ada" });
    world.answer = () => new Promise<Response>(() => {});
    const waiting = outcome(tab.tokens.getToken());
    from({ type: "started" }, { identity: "grace", age: 0 });
    await advance(10);
    expect(tab.tokens.getSnapshot().refreshing).toBe(true);
    tab.tokens.dispose();
    expect(await waiting).toMatchObject({ code: "ERR_DISPOSED" });
  });

  it("about a token is not followed up after this tab has signed out or asks itself", async () => {
    const tab = open();
    await get(tab);
    await advance(SECOND);
    const record = stored();
    tab.tokens.clear();
    await advance(SECOND);
    // Another tab stores it again and announces it while this one signs out.
    await get(tab);
    tab.events.length = 0;
    values.set("cube.token", JSON.stringify({ ...record, at: Date.now() + 500, since: Date.now() + 500 }));
    from({ type: "refreshed" });
    tab.tokens.clear();
    await advance(SECOND);
    expect(types(tab)).toEqual(["cleared"]);
    expect(tab.tokens.getSnapshot().status).toBe("empty");
  });
});
