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
      new m.CubeTokenManager({ fetchToken: async () => "x", storage: m.indexedDBStorage() });
      new m.CubeTokenManager({ fetchToken: async () => "x", storage: m.cookieStorage() });
      console.log(JSON.stringify({ touched, added: Object.keys(globalThis).length - before }));
    `);
    expect(JSON.parse(stdout)).toEqual({ touched: [], added: 0 });
  });

  it("a script that builds a manager and returns ends by itself", async () => {
    await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      new CubeTokenManager({ endpoint: "http://127.0.0.1:1/token" });
    `);
  });

  it("a script that gets a token with a timer ahead ends by itself", async () => {
    const { port } = server.address() as AddressInfo;
    const { stdout } = await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      const tokens = new CubeTokenManager({ endpoint: "http://127.0.0.1:${port}/token" });
      await tokens.getToken();
      console.log(JSON.stringify(tokens.securityContext()));
    `);
    expect(JSON.parse(stdout)).toMatchObject({ company: "Acme" });
  });

  it("a script whose storage others could share, and which listens for their news, ends by itself", async () => {
    const { port } = server.address() as AddressInfo;
    const { stdout } = await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      const values = new Map();
      const storage = {
        getItem: (key) => values.get(key) ?? null,
        setItem: (key, value) => void values.set(key, value),
        removeItem: (key) => void values.delete(key),
      };
      await new CubeTokenManager({ endpoint: "http://127.0.0.1:${port}/token", storage }).getToken();
      console.log(values.size);
    `);
    expect(stdout.trim()).toBe("1");
  });

  it("a script waits for the attempts of a failing source to their end", async () => {
    const { stdout } = await script(`
      const { CubeTokenManager } = await import("./dist/index.js");
      const tokens = new CubeTokenManager({ endpoint: "http://127.0.0.1:1/token", retries: 1 });
      await tokens.getToken().catch((error) => console.log(error.code));
    `);
    expect(stdout.trim()).toBe("ERR_NETWORK");
  });
});
