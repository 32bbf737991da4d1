import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { HttpTransport } from "@cubejs-client/core";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenError, CubeTokenManager, memoryStorage } from "../../src/index.js";
import { type Cube, sign, startCube, startServer } from "../support/cube.js";
import { blocks } from "./blocks.js";

/* The blocks of the README that can run, as they stand there, against a real Cube server and a real endpoint. */

const root = resolve(import.meta.dirname, "../..");
let server: Cube;
let endpoint: Awaited<ReturnType<typeof startServer>>;
let tokenUrl: string;
let folder: string;
const asked: IncomingMessage[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "docs-"));
  server = await startCube();
  endpoint = await startServer(async (request, response) => {
    asked.push(request);
    const token = await sign({ sub: "ada" }, { ttl: 300 });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token }));
  });
  tokenUrl = `${endpoint.url}/token`;
});
afterAll(async () => {
  endpoint.stop();
  await rm(folder, { recursive: true });
});

const block = (title: string, which = 0): string => {
  const found = blocks.filter((block) => block.title === title && /^jsx?$/.test(block.language))[which];
  if (!found) throw new Error(`The README has no block "${title}" any more`);
  return found.text;
};

let serial = 0;

/** Runs the text of a block as a module, with addresses that exist; `scope` is what the page has got from elsewhere. */
async function run(text: string, scope: object = {}): Promise<Record<string, unknown>> {
  const here = text
    .replaceAll("https://cube.example.com/cubejs-api/v1", server.apiUrl)
    .replaceAll("/auth/cubejs-token", tokenUrl)
    .replaceAll("https://api.example.com/cube-token", tokenUrl)
    .replaceAll("Orders.count", "Things.count");
  const { outputFiles } = await build({
    stdin: { contents: here, resolveDir: root },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    alias: {
      "cube-token-manager": `${root}/src/index.ts`,
      "cube-token-manager/cube": `${root}/src/cube/index.ts`,
    },
  });
  const file = join(folder, `block-${serial++}.mjs`);
  writeFileSync(file, outputFiles[0]!.text);
  for (const [name, value] of Object.entries(scope)) vi.stubGlobal(name, value);
  try {
    return await import(/* @vite-ignore */ file);
  } finally {
    vi.unstubAllGlobals();
  }
}

const rows = [{ "Things.count": "2" }];
const make = () => new CubeTokenManager({ endpoint: tokenUrl });

describe("the README's", () => {
  it("quick start loads from a real Cube server", async () => {
    const { result, tokens } = (await run(
      `${block("Quick start")}\nexport const result = resultSet.rawData(); export { tokens };`,
    )) as { result: unknown; tokens: CubeTokenManager };
    expect(result).toEqual(rows);
    tokens.dispose();
  });

  it("createCubeApi loads from a real Cube server", async () => {
    const tokens = make();
    const { cubeApi } = (await run(`${block("Quick start", 1)}\nexport { cubeApi };`, { tokens })) as {
      cubeApi: ReturnType<typeof createCubeApi>;
    };
    expect((await cubeApi.load({ measures: ["Things.count"] })).rawData()).toEqual(rows);
    tokens.dispose();
  });

  it("sign-in and sign-out leaves no waiting query and no manager behind", async () => {
    const made = (await run(
      `${block("Sign in, sign out, switch users.")}\nexport { signedInAs, tokens };`.replaceAll(
        "webStorage()",
        "storage",
      ),
      { CubeTokenManager, storage: memoryStorage() },
    )) as { signedInAs(user?: { id: string }): Promise<void>; tokens: CubeTokenManager | undefined };
    vi.stubGlobal("CubeTokenManager", CubeTokenManager);
    vi.stubGlobal("storage", memoryStorage());
    await made.signedInAs({ id: "ada" });
    const ada = made.tokens!;
    const waiting = ada.getToken().catch(({ code }) => code);
    await made.signedInAs({ id: "grace" });
    expect(await waiting).toBe("ERR_CLEARED");
    expect(await ada.getToken().catch(({ code }) => code)).toBe("ERR_DISPOSED");
    expect(await made.tokens!.getToken()).toMatch(/^eyJ/);
    await made.signedInAs(undefined);
    expect(made.tokens).toBeUndefined();
    vi.unstubAllGlobals();
  });

  it("end of a session leads to the sign-in page", async () => {
    const assign = vi.fn();
    const tokens = new CubeTokenManager({
      fetchToken: async () => {
        throw new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.");
      },
    });
    await run(block("The user's session has ended."), { tokens });
    vi.stubGlobal("location", { assign });
    await tokens.getToken().catch(() => {});
    expect(assign).toHaveBeenCalledExactlyOnceWith("/sign-in");
    vi.unstubAllGlobals();
    tokens.dispose();
  });

  it("POST carries the CSRF token", async () => {
    const csrfToken = () => "from the page";
    const text = block("A POST with a CSRF token, or an endpoint on another origin.");
    const { tokens } = (await run(`export const tokens = ${text}`, { CubeTokenManager, csrfToken })) as {
      tokens: CubeTokenManager;
    };
    vi.stubGlobal("csrfToken", csrfToken);
    await tokens.getToken();
    vi.unstubAllGlobals();
    expect(asked.at(-1)).toMatchObject({ method: "POST", headers: { "x-csrf-token": "from the page" } });
    tokens.dispose();
  });

  it.each([
    ["Auth0", { auth0: { getTokenSilently: async () => "opaque" } }],
    ["Cognito", { fetchAuthSession: async () => ({ tokens: { idToken: "opaque" } }) }],
  ])("%s gives the SDK's token", async (title, scope) => {
    const { tokens } = (await run(`export const tokens = ${block(title)}`, { CubeTokenManager })) as {
      tokens: CubeTokenManager;
    };
    for (const [name, value] of Object.entries(scope)) vi.stubGlobal(name, value);
    expect(await tokens.getToken()).toBe("opaque");
    vi.unstubAllGlobals();
    tokens.dispose();
  });

  it("gateway keeps its Authorization, and Cube gets the token", async () => {
    const tokens = make();
    const { cubeApi } = (await run(
      `${block("A gateway that wants `Authorization` for itself.")}\nexport { cubeApi };`,
      { tokens, apiUrl: server.apiUrl, HttpTransport, createCubeApi, gatewayCredentials: "Basic b3Blbg==" },
    )) as { cubeApi: ReturnType<typeof createCubeApi> };
    expect((await cubeApi.load({ measures: ["Things.count"] })).rawData()).toEqual(rows);
    tokens.dispose();
  });
});
