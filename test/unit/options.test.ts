import { describe, expect, it } from "vitest";
import {
  CubeTokenManager,
  cookieStorage,
  customStorage,
  indexedDBStorage,
  memoryStorage,
  tokenFromCookies,
  webStorage,
} from "../../src/index.js";

const build = (options: unknown) => () => new CubeTokenManager(options as never);
const endpoint = "/token";

describe("options", () => {
  it.each([
    ["nothing at all", undefined],
    ["null", null],
    ["no source", {}],
    ["both sources", { endpoint, fetchToken: async () => "x" }],
    ["undefined sources", { endpoint: undefined, fetchToken: undefined }],
    ["the endpoint itself", "/token"],
    ["a URL itself", new URL("https://example.com/token")],
    ["fetchToken itself", async () => "token"],
    ["a number", 7],
  ])("need exactly one source: %s", (_, options) => {
    expect(build(options)).toThrow(TypeError);
    expect(build(options)).toThrow(/"endpoint".*"fetchToken".*\{ endpoint: "\/token" \}/);
  });

  it.each([
    ["endPoint", { endPoint: "/token" }],
    ["refreshbefore", { endpoint, refreshbefore: 1 }],
    ["toString", { endpoint, toString: 1 }],
  ])("that are misspelt are named, with the known ones: %s", (name, options) => {
    expect(build(options)).toThrow(TypeError);
    expect(build(options)).toThrow(`"${name}"`);
    expect(build(options)).toThrow("endpoint, fetchToken");
  });

  it.each([
    [{ endpoint: 42 }],
    [{ endpoint: "" }],
    [{ endpoint: null }],
    [{ fetchToken: "x" }],
    [{ endpoint, request: "POST" }],
    [{ endpoint, request: null }],
    [{ endpoint, fetch: {} }],
    [{ endpoint, initialToken: 42 }],
    [{ endpoint, storage: "local" }],
    [{ endpoint, storage: { getItem() {} } }],
    [{ endpoint, storageKey: 1 }],
    [{ endpoint, storageKey: "" }],
    [{ endpoint, storage: webStorage }],
    [{ endpoint, storage: null }],
    [{ endpoint, identity: null }],
    [{ endpoint, identity: 7 }],
    [{ endpoint, refreshBefore: -1 }],
    [{ endpoint, refreshBefore: "60000" }],
    [{ endpoint, minValidity: Number.NaN }],
    [{ endpoint, requestTimeout: -0.5 }],
    [{ endpoint, refreshJitter: 1.1 }],
    [{ endpoint, refreshJitter: -0.1 }],
    [{ endpoint, retries: 1.5 }],
    [{ endpoint, retries: Infinity }],
    [{ endpoint, autoRefresh: "yes" }],
    [{ endpoint, crossTab: 1 }],
  ])("of the wrong type are named, with the expected type: %j", (options) => {
    const name = Object.keys(options).at(-1)!;
    expect(build(options)).toThrow(TypeError);
    expect(build(options)).toThrow(new RegExp(`"${name}" must be `));
  });

  it("of every valid type are accepted, undefined as absent", () => {
    for (const options of [
      { endpoint: new URL("https://example.com/token"), request: {}, fetch },
      { endpoint, request: () => ({}), storage: webStorage(), storageKey: "k", identity: "i" },
      { endpoint, refreshBefore: 0, minValidity: 0, refreshJitter: 0, requestTimeout: 0, retries: 0 },
      { fetchToken: async () => null, autoRefresh: false, crossTab: false, initialToken: undefined },
    ]) {
      expect(build(options)).not.toThrow();
    }
  });

  const durations = ["refreshBefore", "minValidity", "requestTimeout"];
  it.each(
    [...durations, "refreshJitter", "retries"].flatMap((name) =>
      [Number.NaN, Infinity, -Infinity, -1, -1e-9, 1e308, -1e308, 2 ** 53, "1", null, 1n, new Date()].map(
        (value) => [name, value] as const,
      ),
    ),
  )("reject a number out of range by name: %s: %s", (name, value) => {
    expect(build({ endpoint, [name]: value })).toThrow(TypeError);
    expect(build({ endpoint, [name]: value })).toThrow(`"${name}" must be `);
  });

  it.each(durations)("accept a number within range: %s", (name) => {
    for (const value of [0, -0, 0.5, 1e9, Number.MAX_SAFE_INTEGER]) {
      expect(build({ endpoint, [name]: value })).not.toThrow();
    }
  });

  it("say what to write instead of a numeric identity", () => {
    expect(build({ endpoint, identity: 42 })).toThrow("String(user.id)");
  });

  it("say what to write instead of a raw storage", () => {
    const raw = { getItem: () => null, setItem() {}, removeItem() {} };
    expect(build({ endpoint, storage: raw })).toThrow(/storage: customStorage\(/);
    expect(build({ endpoint, storage: customStorage(raw) })).not.toThrow();
    for (const area of [localStorage, sessionStorage]) {
      expect(build({ endpoint, storage: area })).toThrow(/storage: webStorage\(/);
      expect(() => customStorage(area)).toThrow(TypeError);
      expect(() => customStorage(area)).toThrow(/webStorage\(/);
    }
  });

  it("require a storageKey for fetchToken with a storage, as there is no URL to name the token by", () => {
    const fetchToken = async () => "token";
    const raw = { getItem: () => null, setItem() {}, removeItem() {} };
    const storages = [
      webStorage(),
      webStorage("session"),
      indexedDBStorage(),
      cookieStorage(),
      customStorage(raw),
    ];
    for (const storage of storages) {
      expect(build({ fetchToken, storage })).toThrow(TypeError);
      expect(build({ fetchToken, storage })).toThrow('"storageKey"');
      expect(build({ fetchToken, storage, storageKey: "k" })).not.toThrow();
      expect(build({ endpoint, storage })).not.toThrow();
    }
    expect(build({ fetchToken, storage: memoryStorage() })).not.toThrow();
    expect(build({ fetchToken })).not.toThrow();
  });
});

describe("options of the storages", () => {
  const raw = { getItem: () => null, setItem() {}, removeItem() {} };
  it.each<[string, () => unknown, named: string]>([
    ["cookieStorage", () => cookieStorage({ httpOnly: true } as never), '"httpOnly"'],
    ["cookieStorage", () => cookieStorage({ samesite: "Lax" } as never), '"samesite"'],
    ["cookieStorage", () => cookieStorage({ toString: 1 } as never), '"toString"'],
    [
      "cookieStorage",
      () => cookieStorage({ Path: undefined } as never),
      'option "Path". Valid: path, domain,',
    ],
    ["cookieStorage", () => cookieStorage({ path: 1 } as never), '"path"'],
    ["cookieStorage", () => cookieStorage({ domain: null } as never), '"domain"'],
    ["cookieStorage", () => cookieStorage({ secure: "yes" } as never), '"secure"'],
    ["cookieStorage", () => cookieStorage({ partitioned: 1 } as never), '"partitioned"'],
    ["cookieStorage", () => cookieStorage({ partitioned: true, secure: false }), "secure"],
    ["cookieStorage", () => cookieStorage("/" as never), "options"],
    ["indexedDBStorage", () => indexedDBStorage({ name: "x" } as never), '"name"'],
    ["indexedDBStorage", () => indexedDBStorage({ dbName: 1 } as never), '"dbName"'],
    ["indexedDBStorage", () => indexedDBStorage("x" as never), "options"],
    ["customStorage", () => customStorage(raw, { share: true } as never), '"share"'],
    ["customStorage", () => customStorage(raw, { shared: "yes" } as never), '"shared"'],
    ["customStorage", () => customStorage(raw, true as never), "options"],
    ["customStorage", () => customStorage({ ...raw, setItem: undefined } as never), '"setItem"'],
    ["customStorage", () => customStorage(undefined as never), '"getItem"'],
    ["customStorage", () => customStorage(new Map() as never), '"getItem"'],
    ["tokenFromCookies", () => tokenFromCookies("", undefined as never), '"storageKey"'],
    ["tokenFromCookies", () => tokenFromCookies("", { identity: "ada" } as never), '"endpoint"'],
    ["tokenFromCookies", () => tokenFromCookies("", { storageKey: "k", identity: 7 } as never), '"identity"'],
    ["tokenFromCookies", () => tokenFromCookies("", { storageKey: "k", key: "k" } as never), '"key"'],
    ["tokenFromCookies", () => tokenFromCookies("", { endpoint: 7 } as never), '"endpoint"'],
  ])("%s throws a TypeError that names the option", (factory, make, named) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(factory);
    expect(make).toThrow(named);
  });

  it("undefined counts as absent", () => {
    cookieStorage({ path: undefined, domain: undefined, secure: undefined, partitioned: undefined });
    indexedDBStorage({ dbName: undefined });
    customStorage(raw, { shared: undefined });
  });

  it("webStorage knows two areas", () => {
    expect(() => webStorage("cookie" as "local")).toThrow(TypeError);
  });
});
