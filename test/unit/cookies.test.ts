import { afterEach, describe, expect, it, vi } from "vitest";
import { cookieStorage, tokenFromCookies } from "../../src/index.js";
import { cookieStore } from "../../src/storage/cookie.js";
import { type Cookie, joinPieces } from "../../src/storage/pieces.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { MINUTE, SECOND, World } from "../support/world.js";

const KEY = "cube.token";
const BIG = "x".repeat(12_000);

/** A cookie jar that records every write with its attributes; cookies are keyed by name and path, as in a browser. */
function fakeJar(keep = (_cookie: string) => true) {
  const jar = new Map<string, string>();
  const written: string[] = [];
  const path = (cookie: string) => /Path=([^;]*)/.exec(cookie)?.[1];
  vi.stubGlobal("document", {
    get cookie() {
      return [...jar.values()].join("; ");
    },
    set cookie(cookie: string) {
      written.push(cookie);
      if (!keep(cookie)) return;
      const [pair = ""] = cookie.split(";");
      const id = `${pair.split("=")[0]} ${path(cookie)}`;
      if (/Max-Age=(0|-)/.test(cookie)) jar.delete(id);
      else jar.set(id, pair);
    },
  });
  return { jar, written };
}

afterEach(() => vi.unstubAllGlobals());

describe("cookieStorage", () => {
  it("writes Path=/ and SameSite=Strict, no Domain, and Secure only on https", () => {
    const { written } = fakeJar();
    vi.stubGlobal("location", { protocol: "http:" });
    cookieStore().setItem(KEY, "value");
    expect(written).toEqual([expect.stringMatching(/^cube\.token=[\w.]+; Path=\/; SameSite=Strict$/)]);
    written.length = 0;
    vi.stubGlobal("location", { protocol: "https:" });
    cookieStore().setItem(KEY, "value");
    expect(written[0]).toMatch(/; Secure$/);
  });

  it("writes the attributes it is given", () => {
    const { written } = fakeJar();
    cookieStore({ path: "/app", domain: "example.com", sameSite: "None", secure: true }).setItem(
      KEY,
      "value",
    );
    expect(written[0]).toContain("; Path=/app; SameSite=None; Domain=example.com; Secure");
  });

  it("does not confuse cookies of the whole domain with those of this host", () => {
    const { jar } = fakeJar();
    vi.stubGlobal("location", { protocol: "https:" });
    const stores = [cookieStore(), cookieStore({ domain: "example.com" })];
    for (const mine of stores) {
      jar.clear();
      mine.setItem(KEY, "value");
      expect(stores.map((store) => store.getItem(KEY))).toEqual(
        stores.map((store) => (store === mine ? "value" : null)),
      );
    }
  });

  it("writes partitioned cookies for another site's frame, with Secure and SameSite=None", () => {
    const { written } = fakeJar();
    vi.stubGlobal("location", { protocol: "http:" });
    cookieStore({ partitioned: true }).setItem(KEY, "value");
    expect(written[0]).toMatch(/; Path=\/; SameSite=None; Secure; Partitioned$/);
    written.length = 0;
    cookieStore({ partitioned: true, sameSite: "Lax", secure: true }).removeItem(KEY);
    expect(written.at(-1)).toMatch(/; SameSite=Lax; Secure; Partitioned; Max-Age=-1$/);
    written.length = 0;
    cookieStore({ partitioned: false, secure: false }).setItem(KEY, "value");
    expect(written[0]).not.toMatch(/Secure|Partitioned/);
  });

  it("keeps prefixes that browsers check at the beginning of the name", () => {
    const { written } = fakeJar();
    cookieStore({ secure: true }).setItem("__Host-cube.token", BIG);
    cookieStore({ secure: true }).setItem("__Secure-a b", "value");
    for (const cookie of written) expect(cookie).toMatch(/^__(Host-cube\.token(\+\d)?|Secure-a%20b)=/);
    expect(cookieStore().getItem("__Host-cube.token")).toBe(BIG);
  });

  it("refuses attributes that would end early, or that browsers do not know", () => {
    for (const options of [
      { path: "/; Domain=evil" },
      { domain: "a b" },
      { sameSite: "strict" as "Strict" },
    ]) {
      expect(() => cookieStorage(options)).toThrow(TypeError);
    }
  });

  it("lets the cookie expire with the token: Max-Age, in seconds, on the local clock", () => {
    vi.useFakeTimers();
    const { written } = fakeJar();
    cookieStore().setItem(KEY, "value", Date.now() + 300 * SECOND);
    cookieStore().setItem(KEY, "value", Date.now() + 100);
    cookieStore().setItem(KEY, "value");
    expect(written.map((cookie) => /Max-Age=(.*)/.exec(cookie)?.[1])).toEqual(["300", "1", undefined]);
  });

  it("gets its Max-Age from the manager, even on a wrong clock", async () => {
    const { written } = fakeJar();
    const world = new World({ skew: 120 * MINUTE });
    await create({ endpoint: "/token", fetch: world.fetch, storage: cookieStorage() }).getToken();
    const maxAge = Number(/Max-Age=(\d+)/.exec(written.at(-1)!)?.[1]);
    expect(maxAge).toBeGreaterThanOrEqual(299);
    expect(maxAge).toBeLessThanOrEqual(300);
  });

  it("splits 12 KB over several cookies, none over 4,096 bytes including name and attributes", () => {
    const { jar, written } = fakeJar();
    cookieStore().setItem(KEY, BIG, Date.now() + MINUTE);
    expect(jar.size).toBe(4);
    for (const cookie of written) expect(cookie.length).toBeLessThanOrEqual(4096);
    expect(cookieStore().getItem(KEY)).toBe(BIG);
  });

  it.each([1, 100, 500, 1000, 3000])(
    "includes the name in the size of the pieces: a key of %i characters",
    (length) => {
      for (const options of [{}, { path: `/${"p".repeat(300)}`, domain: `${"d".repeat(100)}.example` }]) {
        const { written } = fakeJar();
        const key = "k".repeat(length);
        const storage = cookieStore(options);
        // As many pieces as needed, all or nothing.
        storage.setItem(key, BIG, Date.now() + MINUTE);
        for (const cookie of written) expect(cookie.length).toBeLessThanOrEqual(4096);
        expect(storage.getItem(key)).toBe(BIG);
        vi.unstubAllGlobals();
      }
    },
  );

  it("leaves nothing if a value or its name is too long for cookies", () => {
    const { jar } = fakeJar();
    const storage = cookieStore();
    expect(() => storage.setItem("k".repeat(4000), "value")).toThrow();
    expect(() => storage.setItem(KEY, "x".repeat(1_000_000))).toThrow();
    expect(jar.size).toBe(0);
  });

  it("treats a value with a missing, changed or stale piece as absent", () => {
    const { jar } = fakeJar();
    const storage = cookieStore();
    storage.setItem(KEY, BIG);
    const pieces = [...jar];
    for (const [name, piece] of pieces) {
      jar.delete(name);
      expect(storage.getItem(KEY)).toBeNull();
      jar.set(name, `${piece}y`);
      expect(storage.getItem(KEY)).toBeNull();
      jar.set(name, piece);
    }
    expect(storage.getItem(KEY)).toBe(BIG);
    // A piece of the previous value.
    storage.setItem(KEY, `${BIG}z`);
    jar.set(pieces[1]![0], pieces[1]![1]);
    expect(storage.getItem(KEY)).toBeNull();
  });

  it("treats nonsense as absent", () => {
    const { jar } = fakeJar();
    for (const value of ["", "=", "1.x", "1.x.y.", "99999999.x.y.z", "2.abc.def.%E0%A4%A", "%"]) {
      jar.set("x", `${KEY}=${value}`);
      expect(cookieStore().getItem(KEY)).toBeNull();
    }
    // Stray percent signs, with a matching checksum.
    cookieStore().setItem(KEY, "value");
    const [whole] = [...jar.values()].slice(-1);
    expect(whole).toContain(".value");
  });

  it("removes every piece", () => {
    const { jar } = fakeJar();
    const storage = cookieStore();
    storage.setItem(KEY, BIG);
    storage.setItem("other", BIG);
    storage.removeItem(KEY);
    expect([...jar.keys()].every((name) => name.startsWith("other"))).toBe(true);
    expect(storage.getItem("other")).toBe(BIG);
  });

  it("reports a cookie that a sibling subdomain has set for the whole domain and that cannot be erased", async () => {
    const { jar } = fakeJar();
    const world = new World();
    const options = { endpoint: "/token", fetch: world.fetch, storage: cookieStorage() };
    // A record of the attacker's token, which claims to be newer than any sign-out.
    const now = Date.now();
    for (const since of [now, 8e15]) {
      jar.clear();
      const token = jwt({ sub: `evil since ${since}`, exp: 9e9 });
      const record = { v: 1, token, at: now, ahead: 0, draw: 0, madeAt: now, since };
      cookieStore().setItem(KEY, JSON.stringify(record));
      const [pair] = [...jar.values()];
      jar.clear();
      jar.set("another domain's", pair!);
      const tokens = create(options);
      const events: string[] = [];
      tokens.subscribe(({ type }) => events.push(type));
      // An honest record of this moment cannot be distinguished from the user's own: only __Host- prevents it.
      const first = await tokens.getToken();
      expect(first === token).toBe(since === now);
      await tokens.clear();
      expect(events).toContain("storagefailed");
      expect(jar.get("another domain's")).toBe(pair);
      // The remaining record is not read again.
      expect(await tokens.getToken()).not.toBe(token);
      tokens.dispose();
    }
  });

  it("ignores the same key that stays on another path", () => {
    fakeJar();
    cookieStore({ path: "/app" }).setItem(KEY, "value");
    cookieStore().removeItem(KEY);
    expect(cookieStore({ path: "/app" }).getItem(KEY)).toBe("value");
  });

  it("removes it also from a process that still sees a cookie that the browser has deleted, as in Firefox", () => {
    const browser = new Set<string>();
    const otherProcess = new Set([KEY]);
    vi.stubGlobal("document", {
      get cookie() {
        return "";
      },
      set cookie(cookie: string) {
        const [name = ""] = cookie.split("=");
        if (!cookie.includes("Max-Age=-")) for (const jar of [browser, otherProcess]) jar.add(name);
        // A process is notified only if the browser had something to delete.
        else if (browser.delete(name)) otherProcess.delete(name);
      },
    });
    cookieStore().removeItem(KEY);
    expect([...browser, ...otherProcess]).toEqual([]);
  });

  it("leaves no piece of a longer value behind", () => {
    const { jar } = fakeJar();
    const storage = cookieStore();
    storage.setItem(KEY, BIG);
    storage.setItem(KEY, "short");
    expect(jar.size).toBe(1);
  });

  it("keeps the same key on another path apart", () => {
    const { jar } = fakeJar();
    const root = cookieStore();
    const app = cookieStore({ path: "/app" });
    const domain = cookieStore({ path: "/app/x", domain: "example.com" });
    root.setItem(KEY, `root ${BIG}`);
    app.setItem(KEY, `app ${BIG}`);
    domain.setItem(KEY, "domain");
    expect(root.getItem(KEY)).toBe(`root ${BIG}`);
    expect(app.getItem(KEY)).toBe(`app ${BIG}`);
    expect(domain.getItem(KEY)).toBe("domain");
    app.removeItem(KEY);
    expect(app.getItem(KEY)).toBeNull();
    expect(root.getItem(KEY)).toBe(`root ${BIG}`);
    expect(jar.size).toBe(5);
  });

  it("throws if the browser keeps nothing, and leaves nothing half written", () => {
    fakeJar(() => false);
    expect(() => cookieStore().setItem(KEY, "value")).toThrow();
    vi.unstubAllGlobals();
    const { jar } = fakeJar(
      (cookie) => !cookie.startsWith(`${KEY}+2=x`) && !/^cube\.token\+2=\d/.test(cookie),
    );
    expect(() => cookieStore().setItem(KEY, BIG)).toThrow();
    expect(jar.size).toBe(0);
  });
});

describe("tokenFromCookies", () => {
  const OPTIONS = { storageKey: KEY };

  const store = async (options: object = {}, claims: object = {}) => {
    const { jar } = fakeJar();
    const token = jwt({ exp: Math.floor(Date.now() / 1000) + 300, groups: "g".repeat(9000), ...claims });
    const tokens = create({ fetchToken: async () => token, storage: cookieStorage(), ...options });
    await tokens.getToken();
    return { token, header: `a=1; ${[...jar.values()].join("; ")}; theme=dark` };
  };

  it("reads what cookieStorage wrote, split or not", async () => {
    const { token, header } = await store();
    expect(tokenFromCookies(header, OPTIONS)).toBe(token);
    const short = await store({}, { groups: [] });
    expect(tokenFromCookies(short.header, OPTIONS)).toBe(short.token);
  });

  it("reads another key, and the token of the given identity", async () => {
    const { token, header } = await store({ storageKey: "analytics", identity: "ada" });
    expect(tokenFromCookies(header, { storageKey: "analytics", identity: "ada" })).toBe(token);
    expect(tokenFromCookies(header, { storageKey: "analytics", identity: "grace" })).toBeUndefined();
    expect(tokenFromCookies(header, { storageKey: "analytics" })).toBeUndefined();
    expect(tokenFromCookies(header, { ...OPTIONS, identity: "ada" })).toBeUndefined();
  });

  it("reads nothing from what is absent, broken or expired", async () => {
    const { header } = await store();
    for (const bad of [
      undefined,
      null,
      "",
      "a=1",
      "cube.token=x",
      header.replace("+1=", "+9="),
      header.slice(0, -30),
    ]) {
      expect(tokenFromCookies(bad, OPTIONS)).toBeUndefined();
    }
    vi.useFakeTimers();
    const { header: later, token } = await store();
    vi.setSystemTime(Date.now() + 299 * SECOND);
    expect(tokenFromCookies(later, OPTIONS)).toBe(token);
    vi.setSystemTime(Date.now() + 2 * SECOND);
    expect(tokenFromCookies(later, OPTIONS)).toBeUndefined();
  });

  it("reads nothing from a record with an invalid token", () => {
    const { jar } = fakeJar();
    cookieStore().setItem(
      KEY,
      JSON.stringify({ v: 1, token: "eyJ.x", at: 0, ahead: 0, draw: 0, madeAt: 0, since: 0 }),
    );
    expect(tokenFromCookies([...jar.values()].join("; "), OPTIONS)).toBeUndefined();
  });

  it("reads an opaque token until its expires_in", async () => {
    const { jar } = fakeJar();
    const tokens = create({
      fetchToken: async () => ({ token: "opaque", expires_in: 60 }),
      storage: cookieStorage(),
    });
    await tokens.getToken();
    expect(tokenFromCookies([...jar.values()].join("; "), OPTIONS)).toBe("opaque");
  });
});

describe("a Cookie header of an attacker", () => {
  /** First pieces that promise more, and the pieces: every kind that makes reading them expensive. */
  const attacks: Record<string, (size: number) => Cookie[]> = {
    "first pieces of many values, each with pieces": (size) =>
      Array.from({ length: size }, (_, n) => [n % 2 ? `${KEY}+${n % 97}` : KEY, `49.x${n % 91}.y.d`]),
    "first pieces of one value": (size) =>
      Array.from({ length: size }, (_, n) => [n % 2 ? `${KEY}+${(n % 49) + 1}` : KEY, "49.x.y.d"]),
    "the same piece again and again": (size) =>
      Array.from({ length: size }, (_, n) => [n ? `${KEY}+1` : KEY, "2.x.y.d"]),
    "promises of more pieces than there are": (size) => Array.from({ length: size }, () => [KEY, "99.x.y.d"]),
  };

  /** How often a name or a value is read, plus the number of look-ups. */
  function work(cookies: Cookie[]): number {
    let looks = 0;
    const get = (pair: Cookie, name: string | symbol) => {
      looks++;
      return Reflect.get(pair, name);
    };
    const counting = cookies.map((cookie) => new Proxy(cookie, { get }));
    const lookUp = vi.spyOn(Map.prototype, "get");
    joinPieces(KEY, counting);
    looks += lookUp.mock.calls.length;
    lookUp.mockRestore();
    return looks;
  }

  it.each(Object.entries(attacks))("costs linear time: %s", (_, attack) => {
    const [one, two, four] = [500, 1000, 2000].map((size) => work(attack(size))) as [number, number, number];
    // The same cost for each further cookie.
    expect(four - two).toBeLessThanOrEqual(2 * (two - one) + 20);
    expect(four).toBeLessThanOrEqual(2000 * 20);
  });

  it("of 1 MB is read, and the token in it found", async () => {
    fakeJar();
    const storage = cookieStore();
    storage.setItem(
      KEY,
      JSON.stringify({ v: 1, token: "opaque", at: 0, ahead: 0, draw: 0, madeAt: 0, since: 0 }),
    );
    const own = document.cookie;
    for (const attack of Object.values(attacks)) {
      const header = attack(60_000)
        .map((pair) => pair.join("="))
        .join("; ");
      expect(tokenFromCookies(`${own}; ${header}`, { storageKey: KEY })).toBe("opaque");
      expect(tokenFromCookies(header, { storageKey: KEY })).toBeUndefined();
    }
    const long = `${KEY}=${"1".repeat(500_000)}; ${KEY}=1.${"a".repeat(500_000)}`;
    expect(tokenFromCookies(long, { storageKey: KEY })).toBeUndefined();
  });
});
