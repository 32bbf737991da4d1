// @vitest-environment node
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);

/** Runs a script on plain Node with the built package at hand. */
const script = (code: string) =>
  run("node", ["--input-type=module", "--eval", code], { timeout: 10_000, cwd: process.cwd() });

describe("on plain Node", () => {
  beforeAll(() => {
    expect(existsSync("dist/index.js"), "npm run build comes first").toBe(true);
  });

  const server = createServer(async (_, response) => {
    const token = await new SignJWT({ company: "Acme" })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuedAt()
      .setExpirationTime("30d")
      .sign(new TextEncoder().encode("secret".repeat(6)));
    response.setHeader("content-type", "application/json").end(JSON.stringify({ token }));
  });
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, () => resolve())));
  afterAll(() => new Promise((resolve) => void server.close(resolve)));

  it("importing and constructing touches no global", async () => {
    const { stdout } = await script(`
      const touched = [];
      for (const name of ["fetch", "setTimeout", "setInterval", "localStorage", "sessionStorage", "indexedDB", "document",
        "window", "navigator", "addEventListener", "BroadcastChannel", "location"]) {
        const value = globalThis[name];
        Object.defineProperty(globalThis, name, { configurable: true, get() { touched.push(name); return value; } });
      }
      const before = Object.keys(globalThis).length;
      const m = await import("./dist/index.js");
      touched.length = 0;
      new m.CubeTokenManager({ endpoint: "/token", storage: m.webStorage(), initialToken: "opaque" });
      const storageKey = "cube.token";
      new m.CubeTokenManager({ fetchToken: async () => "x", storageKey, storage: m.indexedDBStorage() });
      new m.CubeTokenManager({ fetchToken: async () => "x", storageKey, storage: m.cookieStorage() });
      console.log(JSON.stringify({ touched, added: Object.keys(globalThis).length - before }));
    `);
    expect(JSON.parse(stdout)).toEqual({ touched: [], added: 0 });
  });

  it("prerendering reads neither the wall clock nor Math.random(), which Next.js forbids", async () => {
    const { stdout } = await script(`
      const m = await import("./dist/index.js");
      const { createCubeApi } = await import("./dist/cube.js");
      const { useCubeToken, useCubeTokenManager } = await import("./dist/react.js");
      const { createElement } = await import("react");
      const { renderToString } = await import("react-dom/server");
      const read = new Set();
      Date.now = () => { read.add("Date.now"); return 0; };
      Math.random = () => { read.add("Math.random"); return 0; };
      let page = "";
      for (const storage of [m.memoryStorage(), m.webStorage(), m.indexedDBStorage(), m.cookieStorage()]) {
        const Page = () => {
          const tokens = useCubeTokenManager({ endpoint: "/token", identity: "ada", storage });
          createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
          return createElement("p", null, useCubeToken(tokens).status);
        };
        page += renderToString(createElement(Page));
      }
      console.log(JSON.stringify({ page, read: [...read] }));
    `);
    expect(JSON.parse(stdout)).toEqual({ page: "<p>empty</p>".repeat(4), read: [] });
  });

  it("a script that creates a manager and returns exits", async () => {
    await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      new CubeTokenManager({ endpoint: "http://127.0.0.1:1/token" });
    `);
  });

  it("a script that gets a token with a refresh scheduled exits", async () => {
    const { port } = server.address() as AddressInfo;
    const { stdout } = await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      const tokens = new CubeTokenManager({ endpoint: "http://127.0.0.1:${port}/token" });
      await tokens.getToken();
      console.log(JSON.stringify(tokens.securityContext()));
    `);
    expect(JSON.parse(stdout)).toMatchObject({ company: "Acme" });
  });

  it("a script with a shared storage, which listens for messages, exits", async () => {
    const { port } = server.address() as AddressInfo;
    const { stdout } = await script(`
      const { CubeTokenManager, customStorage } = await import("./dist/index.js");
      const values = new Map();
      const storage = customStorage(
        {
          getItem: (key) => values.get(key) ?? null,
          setItem: (key, value) => void values.set(key, value),
          removeItem: (key) => void values.delete(key),
        },
        { shared: true },
      );
      await new CubeTokenManager({ endpoint: "http://127.0.0.1:${port}/token", storage }).getToken();
      console.log(values.size);
    `);
    expect(stdout.trim()).toBe("1");
  });

  // Globals that a DOM library or a runtime may add, Web Locks and a document among them.
  const globals = {
    "Node alone": "",
    "a document, a location, a browser's navigator and Web Locks": `
      globalThis.document = { addEventListener() {}, removeEventListener() {}, visibilityState: "visible" };
      globalThis.location = new URL("https://app.example/");
      const locks = { request: async (name, options, callback) => { asked.push(name); return (callback ?? options)({ name }); } };
      const navigator = { userAgent: "Mozilla/5.0 (X11; Linux x64) Chrome/141.0.0.0", locks };
      Object.defineProperty(globalThis, "navigator", { value: navigator });`,
    "a process-wide sessionStorage, as Node 25 has": `
      const session = new Map();
      globalThis.sessionStorage = globalThis.localStorage = {
        getItem: (key) => session.get(key) ?? null,
        setItem: (key, value) => { asked.push(key); session.set(key, value); },
        removeItem: (key) => session.delete(key),
      };`,
  };
  it.each(Object.entries(globals))(
    "twenty users of one process are isolated from each other, with %s",
    async (_, more) => {
      const { stdout } = await script(`
      const asked = [];
      ${more}
      const { CubeTokenManager, customStorage, webStorage } = await import("./dist/index.js");
      const values = new Map();
      const own = customStorage(
        {
          getItem: (key) => values.get(key) ?? null,
          setItem: (key, value) => void values.set(key, value),
          removeItem: (key) => void values.delete(key),
        },
        { shared: true },
      );
      const wrong = [];
      const serve = async (user, storage, identity) => {
        const token = "token-of-" + user;
        const fetchToken = () => new Promise((resolve) => setTimeout(resolve, 20, token));
        const tokens = new CubeTokenManager({ fetchToken, storage, storageKey: "k", identity });
        const got = await tokens.getToken().catch((error) => error.code);
        if (got !== token) wrong.push(user + ": " + got);
        if (user % 5 === 0) await tokens.clear();
        await new Promise((resolve) => setTimeout(resolve, 5));
        tokens.dispose();
      };
      const serveAll = (storage, identity) =>
        Promise.all(Array.from({ length: 20 }, (_, user) => serve(user, storage(), identity ? "user-" + user : undefined)));
      await serveAll(() => own, true);
      for (const area of ["local", "session"]) {
        await serveAll(() => webStorage(area), false);
        // And sequentially.
        for (const user of [21, 22]) await serve(user, webStorage(area), undefined);
      }
      console.log(JSON.stringify({ wrong, asked }));
    `);
      expect(JSON.parse(stdout)).toEqual({ wrong: [], asked: [] });
    },
  );

  it("a script waits for all attempts of a failing source", async () => {
    const { stdout } = await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      const tokens = new CubeTokenManager({ endpoint: "http://127.0.0.1:1/token", retries: 1 });
      await tokens.getToken().catch((error) => console.log(error.code));
    `);
    expect(stdout.trim()).toBe("ERR_NETWORK");
  });
});
