import { describe, expect, it, vi } from "vitest";
import {
  cookieStorage,
  customStorage,
  type TokenEvent,
  tokenFromCookies,
  webStorage,
} from "../../src/index.js";
import { cookieStore } from "../../src/storage/cookie.js";
import { joinPieces, parseCookies, pieceIndex, pieceName, splitValue } from "../../src/storage/pieces.js";
import { writeRecord } from "../../src/storage/record.js";
import { SafeStorage } from "../../src/storage/safe.js";
import { webStore } from "../../src/storage/web.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { simulateTabs, USER_AGENT } from "../support/tabs.js";
import { advance, MINUTE, SECOND, settle, World } from "../support/world.js";

const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

describe("error messages say what to do", () => {
  it("after dispose()", async () => {
    const tokens = create({ fetchToken: async () => "t" });
    tokens.dispose();
    expect(await caught(tokens.getToken())).toMatchObject({
      code: "ERR_DISPOSED",
      message: "This manager was disposed. Create a new one.",
    });
  });

  it("after dispose(), even if clear() follows", async () => {
    const tokens = create({ fetchToken: async () => "t" });
    tokens.dispose();
    await tokens.clear();
    expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_DISPOSED" });
  });

  it("to a call pending during clear()", async () => {
    new World();
    const tokens = create({ fetchToken: () => new Promise(() => {}) });
    const waiting = caught(tokens.getToken());
    await tokens.clear();
    expect(await waiting).toMatchObject({
      code: "ERR_CLEARED",
      message: "Signed out while waiting. Call getToken() again after signing in.",
    });
  });

  it("to a caller that aborted, with the reason", async () => {
    new World();
    const tokens = create({ fetchToken: () => new Promise(() => {}) });
    const controller = new AbortController();
    const waiting = caught(tokens.getToken({ signal: controller.signal }));
    controller.abort("enough");
    const expected = { code: "ERR_ABORTED", message: "The caller's signal was aborted.", cause: "enough" };
    expect(await waiting).toMatchObject(expected);
    expect(await caught(tokens.getToken({ signal: controller.signal }))).toMatchObject(expected);
    expect(await caught(tokens.getToken({ signal: AbortSignal.abort("before") }))).toMatchObject({
      cause: "before",
    });
  });

  it("about a token that is not valid yet, beyond a tolerance of two seconds", async () => {
    const world = new World();
    const tokens = create({ endpoint: "/token", fetch: world.fetch, retries: 0 });
    const at = (ms: number) => () =>
      world.respond({ token: world.issue({ nbf: (world.now() + ms) / 1000 }) });
    world.answer = at(3500);
    expect(await caught(tokens.getToken())).toMatchObject({
      code: "ERR_INVALID_TOKEN",
      message: "The token's nbf is in the future. Is the issuer's clock wrong?",
    });
    world.answer = at(1000);
    expect(await tokens.getToken({ forceRefresh: true })).toMatch(/^eyJ/);
  });

  it("about storages that are missing or invalid", () => {
    expect(() => webStorage("cookie" as never)).toThrow('webStorage: the area must be "local" or "session"');
    for (const wrong of [{ path: "/;" }, { path: "/ x" }, { domain: "a;b" }, { sameSite: "lax" as never }]) {
      expect(() => cookieStorage(wrong)).toThrow(
        "cookieStorage: no ; or space in path and domain, and sameSite must be Strict, Lax or None",
      );
    }
    for (const sameSite of ["Strict", "Lax", "None"] as const) cookieStorage({ sameSite });
    vi.stubGlobal("localStorage", undefined);
    expect(() => webStore("local").getItem("k")).toThrow();
    vi.stubGlobal("sessionStorage", undefined);
    expect(() => webStore("session").getItem("k")).toThrow();
    vi.stubGlobal("document", undefined);
    expect(() => cookieStore().getItem("k")).toThrow();
  });
});

it("a manager starts with an empty snapshot, which stays the same object", () => {
  const tokens = create({ fetchToken: async () => "t" });
  const snapshot = tokens.getSnapshot();
  expect(snapshot).toStrictEqual({ status: "empty", refreshing: false });
  expect(tokens.getSnapshot()).toBe(snapshot);
});

it("a snapshot has no empty members", async () => {
  const tokens = create({ fetchToken: async () => "opaque" });
  await tokens.getToken();
  expect(tokens.getSnapshot()).toStrictEqual({ status: "fresh", refreshing: false });
});

describe("wake signals", () => {
  it("only online ends the pause after failures", async () => {
    const world = new World();
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    world.answer = () => new Response(null, { status: 503 });
    const tokens = create({ endpoint: "/token", fetch: world.fetch, retries: 0 });
    for (let n = 0; n < 4; n++) await caught(tokens.getToken({ forceRefresh: true }));
    const { length } = world.requests;
    for (const type of ["focus", "pageshow"]) window.dispatchEvent(new Event(type));
    document.dispatchEvent(new Event("resume"));
    await settle();
    expect(world.requests.length).toBe(length);
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(world.requests.length).toBe(length + 1);
  });
});

describe("a misbehaving storage", () => {
  const make = (storage: object) => {
    const failures: string[] = [];
    const safe = new SafeStorage(storage as never, "k", (operation, reason) =>
      failures.push(`${operation} ${reason}`),
    );
    return { safe, failures };
  };
  const good = () => {
    const values = new Map<string, string>();
    return {
      values,
      options: [] as unknown[],
      getItem: (key: string) => values.get(key) ?? null,
      setItem(key: string, value: string, expiresAt: unknown) {
        this.options.push(expiresAt);
        values.set(key, value);
      },
      removeItem: (key: string) => void values.delete(key),
    };
  };

  it("receives the expiry of the value, if known", async () => {
    const storage = good();
    const { safe, failures } = make(storage);
    await safe.write("a", 5);
    await safe.write("b");
    expect(storage.options).toEqual([5, undefined]);
    expect(await safe.read()).toBe("b");
    await safe.write(null);
    expect(await safe.read()).toBeNull();
    expect(failures).toEqual([]);
  });

  it.each([
    [new TypeError("x"), "TypeError"],
    [new DOMException("x", "QuotaExceededError"), "QuotaExceededError"],
    ["a string", "Error"],
    [undefined, "Error"],
  ])("is reported by the name of its error: %s", async (thrown, name) => {
    const throws = () => {
      throw thrown;
    };
    const { safe, failures } = make({ getItem: throws, setItem: throws, removeItem: throws });
    expect(await safe.read()).toBeNull();
    // After a failed read, the value may still be the manager's own.
    expect(await safe.read()).toBeNull();
    await safe.write("a");
    // After a failed write there is nothing to read.
    expect(await safe.read()).toBeNull();
    await safe.write(null);
    expect(failures).toEqual([`getItem ${name}`, `getItem ${name}`, `setItem ${name}`, `removeItem ${name}`]);
  });

  it("that hangs is awaited for a second, and reported as TimeoutError", async () => {
    new World();
    const hangs = () => new Promise(() => {});
    const { safe, failures } = make({ getItem: hangs, setItem: hangs, removeItem: hangs });
    const reading = safe.read();
    await advance(SECOND);
    expect(await reading).toBeNull();
    // While the first read hangs, there is no second.
    expect(await safe.read()).toBeNull();
    const writing = safe.write("a");
    await advance(SECOND);
    await writing;
    // Awaited once.
    await safe.write("b");
    expect(failures).toEqual(["getItem TimeoutError", "setItem TimeoutError"]);
    const other = make({ ...good(), removeItem: hangs });
    const removing = other.safe.write(null);
    await advance(SECOND);
    await removing;
    expect(other.failures).toEqual(["removeItem TimeoutError"]);
  });

  it("whose write hangs for a while delays the next read", async () => {
    new World();
    const storage = good();
    let done = () => {};
    const { safe, failures } = make({
      ...storage,
      setItem: (key: string, value: string) =>
        new Promise<void>((resolve) => {
          done = () => {
            storage.values.set(key, value);
            resolve();
          };
        }),
    });
    safe.write("a");
    const reading = safe.read();
    await advance(500);
    done();
    expect(await reading).toBe("a");
    safe.write("b");
    const late = safe.read();
    await advance(SECOND);
    expect(await late).toBeNull();
    expect(failures[0]).toBe("setItem TimeoutError");
    done();
    await settle();
    // The hanging write has ended, so writes are awaited again.
    safe.write("c");
    const again = safe.read();
    await advance(100);
    done();
    expect(await again).toBe("c");
  });

  it("that returns anything but a string counts as empty", async () => {
    for (const value of [undefined, 1, {}, ["a"]]) {
      expect(await make({ ...good(), getItem: () => value }).safe.read()).toBeNull();
    }
  });
});

describe("the pieces of a cookie", () => {
  it("have unique names", () => {
    expect(pieceName("a b", 0)).toBe("a%20b");
    expect(pieceName("a b", 2)).toBe("a%20b+2");
    expect(pieceIndex("k", "k")).toBe(0);
    expect(pieceIndex("k", "k+1")).toBe(1);
    expect(pieceIndex("k", "k+12")).toBe(12);
    for (const other of ["k+0", "k+01", "k+-1", "k+x", "kk", "x", "", "k+", "k1"]) {
      expect(pieceIndex("k", other), other).toBe(-1);
    }
  });

  it("match their stated number", () => {
    // A browser's limit, minus the attributes, the name and the piece's own header.
    const size = 4096 - 200 - "k+50".length;
    for (const length of [0, 1, size, size + 1, 2 * size, 40_000]) {
      const value = "x".repeat(length);
      const pieces = splitValue("k", value, "");
      expect(pieces.length).toBe(Math.max(1, Math.ceil(length / size)));
      expect(joinPieces("k", pieces, "")).toBe(value);
      expect(joinPieces("k", [...pieces].reverse(), "")).toBe(value);
      expect(joinPieces("k", pieces)).toBe(value);
      expect(joinPieces("k", pieces, "other")).toBeNull();
      expect(joinPieces("other", pieces)).toBeNull();
      if (pieces.length > 1) expect(joinPieces("k", pieces.slice(0, -1), "")).toBeNull();
    }
  });

  it("are fifty at most, and need a name that leaves room for them", () => {
    const size = 4096 - 200 - "k+50".length;
    expect(splitValue("k", "x".repeat(50 * size), "").length).toBe(50);
    expect(() => splitValue("k", "x".repeat(50 * size + 1), "")).toThrow();
    const longest = 4096 - 200 - 1 - "+50".length;
    expect(splitValue("k".repeat(longest), "abc", "").length).toBe(3);
    for (const more of [1, 2, 1000]) {
      expect(() => splitValue("k".repeat(longest + more), "abc", "")).toThrow();
    }
  });

  it("are found among other cookies, and not in lookalikes", () => {
    const [[name, value]] = splitValue("k", "text", "") as [[string, string]];
    expect(joinPieces("k", parseCookies(`a=1; ${name}=${value}; b=2=3`))).toBe("text");
    expect(joinPieces("k", [[name, `x${value}`]])).toBeNull();
    expect(joinPieces("k", [[name, ""]])).toBeNull();
    expect(parseCookies("a=1; b=2=3;c")).toEqual([
      ["a", "1"],
      ["b", "2=3"],
      ["c", ""],
    ]);
    expect(parseCookies("")).toEqual([["", ""]]);
  });
});

describe("on a server", () => {
  const header = (record: object) => {
    const text = writeRecord({
      token: "t",
      at: 1,
      ahead: 0,
      draw: 0,
      madeAt: 1,
      since: 1,
      ...record,
    } as never);
    return splitValue("cube.token", text, "")
      .map((pair) => pair.join("="))
      .join("; ");
  };

  it("a cookie's token is read while it is valid, and by its identity", () => {
    new World();
    const read = (header: string | null | undefined, identity?: string) =>
      tokenFromCookies(header, { storageKey: "cube.token", identity });
    const now = Math.floor(Date.now() / 1000);
    const living = jwt({ exp: now + 60 });
    expect(read(header({ token: living }))).toBe(living);
    expect(read(header({ token: jwt({ exp: now - 60 }) }))).toBeUndefined();
    expect(read(header({ token: "opaque" }))).toBe("opaque");
    expect(read(header({ token: "opaque", expiresAt: Date.now() }))).toBeUndefined();
    expect(read(header({ token: "opaque", expiresAt: Date.now() + 1 }))).toBe("opaque");
    expect(read(header({ token: living, identity: "ada" }))).toBeUndefined();
    expect(read(header({ token: living, identity: "ada" }), "ada")).toBe(living);
    expect(read(header({ token: "not a token" }))).toBeUndefined();
    for (const nothing of [null, undefined, "", "a=b"]) expect(read(nothing)).toBeUndefined();
  });
});

it("a listener that signs out on a new token rejects the pending call", async () => {
  const world = new World();
  const tokens = create({ endpoint: "/token", fetch: world.fetch });
  const events: TokenEvent["type"][] = [];
  tokens.subscribe(
    outcomes(({ type }) => {
      events.push(type);
      if (type === "refreshed") tokens.clear();
    }),
  );
  expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_CLEARED" });
  expect(events).toEqual(["refreshed", "cleared"]);
});

it("a page frozen since the token's arrival asks for another", async () => {
  const world = new World({ lifetime: 60 });
  const tokens = create({ endpoint: "/token", fetch: world.fetch });
  tokens.subscribe(({ type }) => {
    if (type === "refreshed" && world.requests.length === 1) world.sleep(2 * MINUTE);
  });
  expect(world.accepts(await tokens.getToken())).toBe(true);
  expect(world.requests.length).toBe(2);
});

it.each([
  [-1, false],
  [1, false],
  [2, true],
  [60_000, false],
])(
  "another user's token in the storage, of a manager created %s ms later, owns the key: %s",
  async (later, isTheirs) => {
    const world = new World();
    const values = new Map<string, string>();
    const storage = {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => void values.set(key, value),
      removeItem: (key: string) => void values.delete(key),
    };
    const made = Date.now();
    simulateTabs();
    // Without Web Locks, which are asynchronous.
    vi.stubGlobal("navigator", { userAgent: USER_AGENT });
    const source = { endpoint: "/token", fetch: world.fetch };
    const tokens = create({ ...source, storage: customStorage(storage, { shared: true }), identity: "ada" });
    await advance(10 * SECOND);
    const theirs = { at: made, ahead: 0, draw: 0, madeAt: made + later, since: made, identity: "grace" };
    values.set("cube.token", writeRecord({ token: world.issue(), ...theirs }));
    const outcome = await caught(tokens.getToken());
    if (isTheirs) {
      expect(outcome).toMatchObject({
        code: "ERR_CLEARED",
        message: "Another user signed in from another tab. Reload the page.",
      });
      expect(values.get("cube.token")).toContain("grace");
    } else {
      expect(outcome).toBe(world.tokens[0]);
      await settle();
      expect(values.get("cube.token")).toContain("ada");
    }
  },
);

describe("a machine that sleeps between the construction of a manager and its first call", () => {
  it.each([
    ["a page", "document"],
    ["a worker", "importScripts"],
  ])("does not make it newer than another user's manager: %s", async (_, name) => {
    const world = new World();
    const values = new Map<string, string>();
    simulateTabs();
    // The storage decides if no message arrives in time.
    vi.stubGlobal("BroadcastChannel", undefined);
    const { document } = globalThis;
    vi.stubGlobal("document", undefined);
    Reflect.deleteProperty(globalThis, "document");
    vi.stubGlobal(name, document);
    const storage = customStorage(
      {
        getItem: (key) => values.get(key) ?? null,
        setItem: (key, value) => void values.set(key, value),
        removeItem: (key) => void values.delete(key),
      },
      { shared: true },
    );
    const source = { endpoint: "/token", fetch: world.fetch, storage };
    const ada = create({ ...source, identity: "ada" });
    await advance(SECOND);
    const grace = create({ ...source, identity: "grace" });
    const first = grace.getToken();
    await advance(SECOND);
    world.sleep(60 * SECOND);
    const [outcome] = await Promise.all([caught(ada.getToken()), advance(SECOND)]);
    expect(outcome).toMatchObject({ code: "ERR_CLEARED" });
    expect(await grace.getToken()).toBe(await first);
  });
});

it("returns the same promise to every caller, so that a call allocates nothing", async () => {
  const tokens = create({ fetchToken: async () => "opaque" });
  await tokens.getToken();
  const first = tokens.getToken();
  for (let n = 0; n < 100; n++) expect(tokens.getToken()).toBe(first);
});

it("asks at most twice for one call if every token expires before it is returned", async () => {
  let requests = 0;
  const fetchToken = async () => {
    if (++requests > 20) throw new Error("a loop");
    return { token: `t${requests}`, expires_in: 0.05 };
  };
  const storage = {
    getItem: () => null,
    setItem: () => void vi.setSystemTime(Date.now() + 1100),
    removeItem: () => {},
  };
  const tokens = create({ fetchToken, storage: customStorage(storage) });
  expect(await caught(tokens.getToken())).toMatchObject({ code: "ERR_TOKEN_EXPIRED" });
  for (let n = 0; n < 1000; n++) await null;
  expect(requests).toBeLessThanOrEqual(2);
});
