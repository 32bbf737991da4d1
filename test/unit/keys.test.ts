import { beforeEach, describe, expect, it, vi } from "vitest";
import { cookieStorage, customStorage, tokenFromCookies, webStorage } from "../../src/index.js";
import { page as pageNow } from "../../src/storage/browser.js";
import { keyOfEndpoint } from "../../src/storage/key.js";
import { create } from "../support/setup.js";
import { World } from "../support/world.js";

const defaultKey = (endpoint: string | URL) => keyOfEndpoint(endpoint, ...pageNow());

const page = (href: string, baseURI = href) => {
  vi.stubGlobal("location", new URL(href));
  vi.stubGlobal("document", { baseURI, cookie: "" });
};

describe("the default storage key", () => {
  it.each<[endpoint: string | URL, page: string, key: string]>([
    ["/token", "https://app.example/", "cube.token:/token"],
    ["/auth/../token", "https://app.example/", "cube.token:/token"],
    ["/token#top", "https://app.example/", "cube.token:/token"],
    ["/tökén", "https://app.example/", "cube.token:/t%C3%B6k%C3%A9n"],
    ["token", "https://app.example/reports/", "cube.token:/reports/token"],
    ["https://app.example/token", "https://app.example/", "cube.token:/token"],
    [new URL("https://app.example/token"), "https://app.example/", "cube.token:/token"],
    ["//app.example/token", "https://app.example/", "cube.token:/token"],
    ["https://api.example/token", "https://app.example/", "cube.token:https://api.example/token"],
    ["http://app.example/token", "https://app.example/", "cube.token:http://app.example/token"],
    ["https://app.example:8443/token", "https://app.example/", "cube.token:https://app.example:8443/token"],
  ])("is the path on the page's own origin, otherwise the full URL: %s on %s", (endpoint, href, key) => {
    page(href);
    expect(defaultKey(endpoint)).toBe(key);
  });

  it("respects a <base>, as fetch() does", () => {
    page("https://app.example/a/", "https://cdn.example/b/");
    expect(defaultKey("token")).toBe("cube.token:https://cdn.example/b/token");
    page("https://app.example/a/", "https://app.example/b/");
    expect(defaultKey("token")).toBe("cube.token:/b/token");
  });

  it("contains only a short hash of the query", () => {
    page("https://app.example/");
    const keys = ["", "?", "?key=s3cret", "?key=s3cret2", "?s3cret=key", "?key=s3cret?x"].map((query) =>
      defaultKey(`/token${query}`),
    );
    for (const key of keys) {
      expect(key).not.toContain("s3cret");
      expect(key).toMatch(/^cube\.token:\/token(\?\w{1,7})?$/);
    }
    // An empty query counts as none, for URL and for the endpoint.
    expect(new Set(keys).size).toBe(5);
    expect(defaultKey("https://api.example/token?key=s3cret")).toMatch(
      /^cube\.token:https:\/\/api\.example\/token\?\w{1,7}$/,
    );
  });

  it.each<[string, () => void]>([
    ["a server", () => {}],
    [
      "React Native, whose URL implements next to nothing",
      () =>
        vi.stubGlobal(
          "URL",
          class {
            get origin() {
              throw new Error("not implemented");
            }
          },
        ),
    ],
    ["no URL at all", () => vi.stubGlobal("URL", undefined)],
  ])("works without a page too: %s", (_, become) => {
    vi.stubGlobal("location", undefined);
    vi.stubGlobal("document", undefined);
    become();
    expect(defaultKey("https://api.example/token")).toBe("cube.token:https://api.example/token");
    expect(defaultKey("/token")).toBe("cube.token:/token");
    expect(defaultKey("/token?key=s3cret#x")).toMatch(/^cube\.token:\/token\?\w{1,7}$/);
  });

  it("differs between endpoints, and storageKey takes precedence", async () => {
    const world = new World();
    const options = { fetch: world.fetch, storage: webStorage() };
    localStorage.clear();
    for (const endpoint of ["/a", "/b", "/a?tenant=1", "/a?tenant=2", "https://api.example/a"]) {
      const tokens = create({ ...options, endpoint, storageKey: undefined });
      expect(await tokens.getToken()).toBe(world.tokens.at(-1));
    }
    expect(world.requests.length).toBe(5);
    await create({ ...options, endpoint: "/a", storageKey: "mine" }).getToken();
    expect(world.requests.length).toBe(6);
    const keys = Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index));
    expect(keys).toEqual(expect.arrayContaining(["cube.token:/a", "cube.token:/b", "mine"]));
    expect(await create({ ...options, endpoint: "/b", storageKey: undefined }).getToken()).toBe(
      world.tokens[1],
    );
  });

  it("is the same for one endpoint, however it is written", async () => {
    const world = new World();
    localStorage.clear();
    for (const endpoint of ["/token", `${location.origin}/token`, new URL("/token", location.origin)]) {
      const options = { endpoint, fetch: world.fetch, storage: webStorage(), storageKey: undefined };
      expect(await create(options).getToken()).toBe(world.tokens[0]);
    }
  });

  it("is not computed before the first call: constructing touches nothing", () => {
    const touched: string[] = [];
    for (const name of ["location", "document", "navigator", "BroadcastChannel"]) {
      vi.stubGlobal(name, undefined);
      Object.defineProperty(globalThis, name, { configurable: true, get: () => void touched.push(name) });
    }
    create({
      endpoint: "/token",
      storage: customStorage({ getItem: () => null, setItem() {}, removeItem() {} }, { shared: true }),
      storageKey: undefined,
    });
    expect(touched).toEqual([]);
  });
});

describe("tokenFromCookies by the endpoint", () => {
  let jar = "";
  beforeEach(() => {
    jar = "";
  });
  const store = async (endpoint: string, href: string, more: object = {}) => {
    const world = new World();
    vi.stubGlobal("location", new URL(href));
    vi.stubGlobal("document", {
      baseURI: href,
      get cookie() {
        return jar;
      },
      set cookie(cookie: string) {
        if (!cookie.includes("Max-Age=-")) jar = cookie.split(";")[0]!;
      },
    });
    const options = {
      endpoint,
      fetch: world.fetch,
      storage: cookieStorage(),
      storageKey: undefined,
      ...more,
    };
    return create(options).getToken();
  };

  it.each<[endpoint: string, page: string, options: Parameters<typeof tokenFromCookies>[1]]>([
    ["/token", "https://app.example/a", { endpoint: "/token" }],
    ["/token", "https://app.example/a", { endpoint: "/token", origin: "https://app.example" }],
    ["/tökén?a=ü", "https://app.example/", { endpoint: "/tökén?a=ü" }],
    [
      "/token",
      "https://app.example/",
      { endpoint: "https://app.example/token", origin: "https://app.example" },
    ],
    ["https://app.example/token", "https://app.example/", { endpoint: "/token" }],
    ["https://api.example/token?t=1", "https://app.example/", { endpoint: "https://api.example/token?t=1" }],
    [
      "https://api.example/token",
      "https://app.example/",
      { endpoint: new URL("https://api.example/token"), origin: "https://app.example/" },
    ],
  ])("finds what the browser with %s on %s has stored", async (endpoint, href, options) => {
    const token = await store(endpoint, href);
    vi.stubGlobal("location", undefined);
    vi.stubGlobal("document", undefined);
    expect(jar).not.toBe("");
    expect(tokenFromCookies(jar, options)).toBe(token);
    expect(tokenFromCookies(jar, { endpoint: "/other" })).toBeUndefined();
  });

  it("reads nothing of another endpoint, and only the token of the given identity", async () => {
    const token = await store("/token", "https://app.example/", { identity: "ada" });
    expect(tokenFromCookies(jar, { endpoint: "/token", identity: "ada" })).toBe(token);
    expect(tokenFromCookies(jar, { endpoint: "/token" })).toBeUndefined();
    expect(tokenFromCookies(jar, { endpoint: "https://app.example/token", identity: "ada" })).toBeUndefined();
  });

  it("takes the page's origin only from keyOfEndpoint", () => {
    expect(keyOfEndpoint("https://app.example/token", "https://app.example")).toBe("cube.token:/token");
  });
});
