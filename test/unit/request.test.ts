import { describe, expect, it, vi } from "vitest";
import { create } from "../support/setup.js";

/** The token request with these options. */
async function requestOf(options: object = {}) {
  const fetch = vi.fn(async (..._: unknown[]) => Response.json({ token: "t" }));
  await create({ endpoint: "/token", fetch, ...options }).getToken();
  const init = fetch.mock.calls[0]![1] as RequestInit;
  return { init, headers: new Headers(init.headers) };
}

describe("X-Requested-With", () => {
  const headerOf = async (options: object) => (await requestOf(options)).headers.get("x-requested-with");

  it("goes to the page's own origin", async () => {
    for (const endpoint of [
      "/token",
      "token",
      `${location.origin}/token`,
      new URL("/token", location.href),
    ]) {
      expect(await headerOf({ endpoint })).toBe("XMLHttpRequest");
    }
  });

  it("goes nowhere else", async () => {
    const { protocol, hostname } = location;
    for (const endpoint of [
      "https://auth.example/token",
      "//auth.example/token",
      `${protocol}//${hostname}:81/token`,
    ]) {
      expect(await headerOf({ endpoint })).toBeNull();
    }
  });

  it("is the application's own if it sets one", async () => {
    expect(await headerOf({ request: { headers: { "x-requested-with": "mine" } } })).toBe("mine");
  });

  it("is not sent outside a page", async () => {
    vi.stubGlobal("location", undefined);
    vi.stubGlobal("document", undefined);
    expect(await headerOf({ endpoint: "/token" })).toBeNull();
    expect(await headerOf({ endpoint: "https://auth.example/token" })).toBeNull();
  });

  it("is not sent by a sandboxed frame, whose origin is opaque although its location has one", async () => {
    vi.stubGlobal("origin", "null");
    expect(await headerOf({ endpoint: "/token" })).toBeNull();
    vi.stubGlobal("origin", location.origin);
    expect(await headerOf({ endpoint: "/token" })).toBe("XMLHttpRequest");
  });

  it("is decided by the base URL of the page, as in fetch", async () => {
    vi.stubGlobal("document", { baseURI: "https://cdn.example/app/" });
    expect(await headerOf({ endpoint: "token" })).toBeNull();
  });
});

describe("redirects", () => {
  const modeOf = async (request?: object) => (await requestOf({ request })).init.redirect;

  it("are followed", async () => {
    for (const request of [
      {},
      { headers: {} },
      { method: "POST" },
      { credentials: "include" },
      { body: null },
    ]) {
      expect(await modeOf(request)).toBe("follow");
    }
  });

  it("are not followed if the application's headers or body would be forwarded", async () => {
    for (const request of [
      { headers: { "X-CSRF": "1" } },
      { headers: [["accept", "text/plain"]] },
      { headers: new Headers({ authorization: "x" }) },
      { method: "POST", body: "{}" },
      { method: "POST", body: "", redirect: undefined },
      async () => ({ headers: { "X-CSRF": "1" } }),
    ]) {
      expect(await modeOf(request)).toBe("error");
    }
  });

  it("are handled as the application says", async () => {
    for (const redirect of ["follow", "error", "manual"]) {
      expect(await modeOf({ redirect })).toBe(redirect);
      expect(await modeOf({ redirect, headers: { "X-CSRF": "1" } })).toBe(redirect);
    }
  });
});

describe("a runtime that does not support every request member", () => {
  /** Cloudflare Workers, with an old compatibility date. */
  class OldRequest {
    constructor(_url: string, { cache, redirect }: RequestInit) {
      if (cache) throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
      if (redirect === "error")
        throw new TypeError('Invalid redirect value, must be one of "follow" or "manual".');
    }
  }

  it("does not get unsupported members", async () => {
    vi.stubGlobal("Request", OldRequest);
    expect((await requestOf()).init).not.toHaveProperty("cache");
    expect((await requestOf({ request: { headers: { "X-CSRF": "1" } } })).init.redirect).toBe("manual");
    vi.stubGlobal("Request", undefined);
    expect((await requestOf()).init).not.toHaveProperty("cache");
  });

  it("gets the others", async () => {
    expect((await requestOf()).init.cache).toBe("no-store");
    vi.stubGlobal("Request", OldRequest);
    expect((await requestOf({ request: { cache: "reload" } })).init.cache).toBe("reload");
  });
});

describe("a relative endpoint outside a page", () => {
  it("says that a server needs the whole URL", async () => {
    vi.stubGlobal("location", undefined);
    vi.stubGlobal("document", undefined);
    const fails = () => Promise.reject(new TypeError("Failed to parse URL from /token"));
    const error = await create({ endpoint: "/token", retries: 0, fetch: fails })
      .getToken()
      .catch((error) => error);
    expect(error).toMatchObject({
      code: "ERR_NETWORK",
      message: "The request to /token failed: a server needs the whole URL of the endpoint.",
      url: "/token",
    });
    const whole = await create({ endpoint: "https://a.example/token", retries: 0, fetch: fails })
      .getToken()
      .catch((error) => error);
    expect(whole.message).toBe(
      "The request to https://a.example/token failed: offline, CORS, or see the cause.",
    );
  });
});
