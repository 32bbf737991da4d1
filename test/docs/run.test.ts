import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpTransport } from "@cubejs-client/core";
import { build, type Plugin } from "esbuild";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { compileScript, parse } from "vue/compiler-sfc";
import type { createCubeApi } from "../../src/cube/index.js";
import type { CubeTokenManager, TokenProvider } from "../../src/index.js";
import { type Cube, SECRET, sign, startCube, startServer } from "../support/cube.js";
import { aliases, type Block, blocks, codeOf, isCode, root, shared } from "./blocks.js";

/* Runs the documentation's code blocks, unchanged, against a real Cube server and a real endpoint. */

type CubeApi = ReturnType<typeof createCubeApi>;

let server: Cube;
let endpoint: Awaited<ReturnType<typeof startServer>>;
let folder: string;
let signedIn = true;
const asked: IncomingMessage[] = [];

beforeAll(async () => {
  vi.stubEnv("CUBEJS_API_SECRET", SECRET);
  folder = await mkdtemp(join(tmpdir(), "docs-"));
  server = await startCube();
  endpoint = await startServer(async (request, response) => {
    asked.push(request);
    if (request.url === "/auth/sign-out") {
      signedIn = false;
      response.writeHead(204).end();
      return;
    }
    response.writeHead(signedIn ? 200 : 401, { "content-type": "application/json" });
    response.end(JSON.stringify({ token: await sign({ sub: "ada" }, { ttl: 300 }) }));
  });
});
afterAll(async () => {
  endpoint.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  signedIn = true;
});
afterEach(() => vi.unstubAllGlobals());

const ran = new Set<Block>();

const block = (page: string, title: string, part: string) => {
  const found = blocks.find(
    (block) => block.page === page && block.title === title && block.text.includes(part),
  );
  if (!found) throw new Error(`${page} has no block "${title}" with "${part}" any more`);
  ran.add(found);
  return found;
};

/** The code of the block with this page, heading and text. */
const find = (page: string, title: string, part = "") => codeOf(block(page, title, part));

/** The same for a block of the README that is a file. */
const readme = (file: string) =>
  find("README.md", blocks.find((each) => each.page === "README.md" && each.file === file)!.title, file);

/** A single copy of React for blocks that render. */
const react = Object.fromEntries(
  ["react", "react-dom"].map((name) => [name, `${root}/node_modules/${name}`]),
);

let serial = 0;

/**
 * Runs a block as a module, with URLs of this test.
 *
 * @param mine its imports beyond this package and node_modules: the application's modules, and SDKs.
 */
async function run<T>(text: string, mine: Record<string, string> = {}): Promise<T> {
  const here = (code: string) =>
    code
      .replaceAll("https://cube.example.com/cubejs-api", server.apiUrl.replace("/v1", ""))
      // A path of the page; the one that Express serves stays.
      .replaceAll(/(?<!get\()(["`])\/auth\//g, `$1${endpoint.url}/auth/`)
      .replaceAll("https://app.example.com", endpoint.url)
      .replaceAll("https://id.example.com", endpoint.url)
      .replaceAll("wss://cube.example.com/", server.wsUrl)
      .replaceAll("https://api.example.com/cube-token", `${endpoint.url}/auth/cubejs-token`)
      .replaceAll("Orders.count", "Things.count");
  const modules: Record<string, string> = { ...shared, ...mine };
  const plugin: Plugin = {
    name: "page",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, importer, namespace }) => {
        // Only imports of the page, not theirs.
        if (namespace !== "page" && importer !== "<stdin>") return undefined;
        const name = path.replace(/^(\.\/|@\/lib\/)/, "");
        const file = [name, `${name}.ts`].find((each) => Object.hasOwn(modules, each));
        const mark = blocks.find((each) => each.page === "README.md" && each.file === file);
        if (mark && !Object.hasOwn(mine, file!)) ran.add(mark);
        return file ? { path: file, namespace: "page" } : undefined;
      });
      onLoad({ filter: /./, namespace: "page" }, ({ path }) => ({
        contents: here(modules[path]!),
        loader: "tsx",
        resolveDir: `${root}/test/docs`,
      }));
    },
  };
  const { outputFiles } = await build({
    stdin: { contents: here(text), resolveDir: `${root}/test/docs`, loader: "tsx" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    alias: { ...aliases, ...react },
    jsx: "automatic",
    plugins: [plugin],
    // Express is CommonJS, and requires Node's own modules.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    logLevel: "error",
  });
  const file = join(folder, `block-${serial++}.mjs`);
  await writeFile(file, outputFiles[0]!.text);
  return await import(/* @vite-ignore */ file);
}

const rows = [{ "Things.count": "2" }];
const query = { measures: ["Things.count"] };
const load = async (cubeApi: CubeApi) => (await cubeApi.load(query)).rawData();

/** A component, compiled to a module by Vue's compiler. */
function compileVue(text: string): string {
  const { descriptor } = parse(text);
  return compileScript(descriptor, { id: "app", inlineTemplate: true, templateOptions: { ssr: true } })
    .content;
}

describe("the README's", () => {
  it("quick start loads from a real Cube server", async () => {
    const text = `${find("README.md", "Quick start", "load(")}
      export const result = resultSet.rawData(); export { tokens } from "./cube";`;
    const { result, tokens } = await run<{ result: unknown; tokens: CubeTokenManager }>(text);
    expect(result).toEqual(rows);
    tokens.dispose();
  });

  it("script tag prints rows", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const text = `${find("README.md", "With a script tag")}; export { tokens };`;
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text);
    await vi.waitFor(() => expect(log).toHaveBeenCalledWith(rows));
    log.mockRestore();
    tokens.dispose();
  });

  it.each([
    ["Express and jsonwebtoken", "server.ts"],
    ["Next.js and jose", "app/auth/cubejs-token/route.ts"],
  ])(
    "endpoint with %s returns tokens that Cube accepts, uncacheable, and 401 when signed out",
    async (_, file) => {
      const user = { "current-user.ts": "export const currentUser = async () => globalThis.user;" };
      const text = readme(file);
      const made = await run<{
        app?: Parameters<typeof createServer>[1];
        GET?(request: Request): Promise<Response>;
      }>(text, user);
      let http: Server | undefined;
      let get: () => Promise<Response>;
      if (made.app) {
        http = createServer(made.app).listen(0, "127.0.0.1");
        await new Promise((ready) => http!.once("listening", ready));
        get = () => fetch(`http://127.0.0.1:${(http!.address() as AddressInfo).port}/auth/cubejs-token`);
      } else get = () => made.GET!(new Request("http://localhost/auth/cubejs-token"));

      vi.stubGlobal("user", undefined);
      const refused = await get();
      expect(refused.status).toBe(401);
      expect(refused.headers.get("cache-control")).toBe("no-store");

      vi.stubGlobal("user", { id: "ada", tenantId: "acme", password: "secret" });
      const answer = await get();
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const { token } = await answer.json();
      const { iat, exp, ...claims } = decodeJwt(token);
      expect(claims).toEqual({ sub: "ada", tenantId: "acme" });
      expect(exp! - iat!).toBe(600);
      const response = await fetch(`${server.apiUrl}/meta`, { headers: { Authorization: token } });
      expect(response.status).toBe(200);
      http?.close();
    },
  );

  it("session: one manager per user, and a sign-out that asks the server first and leaves no call pending", async () => {
    const { sessionOf, signOut } = await run<{
      sessionOf(userId: string): { tokens: CubeTokenManager; cubeApi: CubeApi };
      signOut(): Promise<void>;
    }>(readme("session.ts"));
    const location = { reload: vi.fn(), assign: vi.fn() };
    vi.stubGlobal("location", location);
    const ada = sessionOf("ada");
    // As in StrictMode.
    expect(sessionOf("ada")).toBe(ada);
    expect(await load(ada.cubeApi)).toEqual(rows);
    const grace = sessionOf("grace");
    expect(grace.tokens).not.toBe(ada.tokens);
    await expect(ada.tokens.getToken()).rejects.toMatchObject({ code: "ERR_DISPOSED" });
    expect(await load(grace.cubeApi)).toEqual(rows);

    const before = asked.length;
    const ended = signOut();
    const waiting = grace.tokens.getToken({ forceRefresh: true }).catch(({ code }) => code);
    await ended;
    expect(asked[before]?.url).toBe("/auth/sign-out");
    expect(await waiting).toMatch(/ERR_UNAUTHENTICATED|ERR_CLEARED/);
    expect(location.reload).not.toHaveBeenCalled();
    expect(location.assign).toHaveBeenLastCalledWith("/sign-in");
    await expect(grace.tokens.getToken()).rejects.toMatchObject({ code: "ERR_DISPOSED" });
  });

  it("session: a session that the server has ended leads to the sign-in page", async () => {
    const { sessionOf } = await run<{ sessionOf(userId: string): { tokens: CubeTokenManager } }>(
      readme("session.ts"),
    );
    const location = { reload: vi.fn(), assign: vi.fn() };
    vi.stubGlobal("location", location);
    signedIn = false;
    const { tokens } = sessionOf("ada");
    await expect(tokens.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    expect(location.assign).toHaveBeenCalledExactlyOnceWith("/sign-in");
    tokens.dispose();
  });
});

/** SDKs with a valid session, and with one that is over. */
const PROVIDERS: [title: string, live: Record<string, string>, over: Record<string, string>][] = [
  [
    "Auth0",
    { "@auth0/auth0-spa-js": sdk("createAuth0Client", "{ getTokenSilently: async () => 'opaque' }") },
    {
      "@auth0/auth0-spa-js": sdk(
        "createAuth0Client",
        rejects("getTokenSilently", { error: "login_required" }),
      ),
    },
  ],
  [
    "Auth0",
    { "@auth0/auth0-spa-js": sdk("createAuth0Client", "{ getTokenSilently: async () => 'opaque' }") },
    {
      "@auth0/auth0-spa-js": sdk(
        "createAuth0Client",
        rejects("getTokenSilently", { error: "missing_refresh_token" }),
      ),
    },
  ],
  [
    "Cognito, with Amplify",
    { "aws-amplify/auth": sdk("fetchAuthSession", "{ tokens: { idToken: 'opaque' } }") },
    { "aws-amplify/auth": sdk("fetchAuthSession", "{}") },
  ],
  [
    "Clerk",
    { "@clerk/clerk-js": clerk("{ getToken: async () => 'opaque' }") },
    { "@clerk/clerk-js": clerk("undefined") },
  ],
  [
    "Microsoft Entra ID, with MSAL",
    { "@azure/msal-browser": msal(false) },
    { "@azure/msal-browser": msal(true) },
  ],
  [
    "Firebase",
    firebase("{ getIdToken: async () => 'opaque' }"),
    firebase("{ async getIdToken() { throw new FirebaseError('auth/user-token-expired', 'over'); } }"),
  ],
  ["Firebase", firebase("{ getIdToken: async () => 'opaque' }"), firebase("null")],
  [
    "Any OpenID Connect provider, with oidc-client-ts",
    { "oidc-client-ts": oidc("async () => ({ access_token: 'opaque' })") },
    { "oidc-client-ts": oidc("async () => null") },
  ],
  [
    "Any OpenID Connect provider, with oidc-client-ts",
    { "oidc-client-ts": oidc("async () => ({ access_token: 'opaque' })") },
    {
      "oidc-client-ts": oidc(
        "async () => { throw Object.assign(new Error(), { error: 'login_required' }); }",
      ),
    },
  ],
];

function sdk(name: string, result: string): string {
  return `export const ${name} = async () => (${result});`;
}
function rejects(name: string, error: object): string {
  return `{ ${name}: async () => { throw Object.assign(new Error("over"), ${JSON.stringify(error)}); } }`;
}
function clerk(session: string): string {
  return `export class Clerk { session = ${session}; async load() {} }`;
}
function msal(isOver: boolean): string {
  return `export class InteractionRequiredAuthError extends Error {}
    export class PublicClientApplication {
      async initialize() {}
      getActiveAccount = () => ({});
      async acquireTokenSilent() {
        if (${isOver}) throw new InteractionRequiredAuthError();
        return { accessToken: "opaque" };
      }
    }`;
}
function firebase(currentUser: string): Record<string, string> {
  return {
    "firebase/app": `export const initializeApp = () => ({});
      export class FirebaseError extends Error { constructor(code, message) { super(message); this.code = code; } }`,
    "firebase/auth": `import { FirebaseError } from "firebase/app";
      export const getAuth = () => ({ authStateReady: async () => {}, currentUser: ${currentUser} });`,
  };
}
function oidc(signinSilent: string): string {
  return `export class UserManager { getUser = async () => null; signinSilent = ${signinSilent}; }`;
}

describe("the recipes", () => {
  it.each(PROVIDERS)(
    "%s: the SDK's token, and ERR_UNAUTHENTICATED once the session is over",
    async (title, live, over) => {
      vi.stubGlobal("location", { origin: "https://app.example.com" });
      const text = find("docs/recipes.md", title);
      const { tokens } = await run<{ tokens: CubeTokenManager }>(text, live);
      expect(await tokens.getToken()).toBe("opaque");
      tokens.dispose();
      const ended = await run<{ tokens: CubeTokenManager }>(text, over);
      await expect(ended.tokens.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
      ended.tokens.dispose();
    },
  );

  it("POST carries the CSRF token", async () => {
    const own = { "auth.ts": 'export const csrfToken = () => "from the page";' };
    const text = find("docs/recipes.md", "A POST with a CSRF token");
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text, own);
    await tokens.getToken();
    expect(asked.at(-1)).toMatchObject({ method: "POST", headers: { "x-csrf-token": "from the page" } });
    tokens.dispose();
  });

  it("Bearer token reaches the application's own endpoint", async () => {
    const own = { "auth.ts": 'export const accessToken = async () => "mine";' };
    const text = find("docs/recipes.md", "A Bearer token for your own endpoint");
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text, own);
    await tokens.getToken();
    expect(asked.at(-1)).toMatchObject({ headers: { authorization: "Bearer mine" } });
    tokens.dispose();
  });

  it("gateway keeps its Authorization, and Cube gets the token", async () => {
    const own = { "auth.ts": 'export const gatewayCredentials = "Basic b3Blbg==";' };
    const text = find("docs/recipes.md", "A gateway that needs `Authorization` itself");
    const { cubeApi } = await run<{ cubeApi: CubeApi }>(`${text}\nexport { tokens };`, own);
    expect(await load(cubeApi)).toEqual(rows);
  });

  it("fetch gets Cube's meta data", async () => {
    const text = find("docs/recipes.md", "Rows, SQL and everything else over `fetch`");
    const { meta } = await run<{ meta: { cubes: unknown[] } }>(text);
    expect(meta.cubes).toHaveLength(1);
  });

  it("NextAuth's route answers 401 without a session, otherwise with a token that Cube accepts", async () => {
    const sdk = { "next-auth/jwt": "export const getToken = async () => globalThis.session;" };
    const { GET } = await run<{ GET(request: object): Promise<Response> }>(
      find("docs/recipes.md", "NextAuth (Auth.js)"),
      sdk,
    );
    vi.stubGlobal("session", null);
    expect((await GET({})).status).toBe(401);
    vi.stubGlobal("session", { sub: "ada", email: "ada@example.com" });
    const answer = await GET({});
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { token } = await answer.json();
    expect(Object.keys(decodeJwt(token)).sort()).toEqual(["exp", "iat", "sub"]);
    const response = await fetch(`${server.apiUrl}/meta`, { headers: { Authorization: token } });
    expect(response.status).toBe(200);
  });

  it.each([
    ["redirects after a sign-in", { access_token: "opaque" }, 1],
    ["stays in the hidden frame of a renewal", undefined, 0],
  ])("OpenID Connect's own page %s", async (_, user, times) => {
    const location = { origin: "https://app.example.com", replace: vi.fn() };
    vi.stubGlobal("location", location);
    vi.stubGlobal("user", user);
    const title = "Any OpenID Connect provider, with oidc-client-ts";
    await run(find("docs/recipes.md", title, "signed-in.ts"), {
      "oidc.ts": "export const oidc = { signinCallback: async () => globalThis.user };",
    });
    expect(location.replace).toHaveBeenCalledTimes(times);
  });

  it("expired session leads to the sign-in page and back, and a sign-in gets a token at once", async () => {
    const location = { pathname: "/charts", assign: vi.fn() };
    vi.stubGlobal("location", location);
    const page = "docs/recipes.md";
    const title = "The user's session is over";
    signedIn = false;
    const { tokens, onSignedIn } = await run<{ tokens: CubeTokenManager; onSignedIn(): Promise<void> }>(
      `${find(page, title, "onSignedIn")}
      ${find(page, title, "refreshfailed").replace(/import .*/, "")}
      export { tokens };`,
    );
    await expect(tokens.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    expect(location.assign).toHaveBeenCalledExactlyOnceWith("/sign-in?next=%2Fcharts");
    signedIn = true;
    await onSignedIn();
    expect(tokens.getSnapshot().status).toBe("fresh");
    tokens.dispose();
  });

  it("endpoint on another origin gives a token", async () => {
    const text = find("docs/recipes.md", "An endpoint on another origin", "CubeTokenManager");
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text);
    expect(decodeJwt(await tokens.getToken()).sub).toBe("ada");
    tokens.dispose();
  });

  it("first token comes from the page, without a request", async () => {
    const token = await sign({ sub: "from the page" }, { ttl: 300 });
    vi.stubGlobal("document", { querySelector: () => ({ getAttribute: () => token }) });
    const before = asked.length;
    const text = find("docs/recipes.md", "The first token in the HTML");
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text);
    expect(await tokens.getToken()).toBe(token);
    expect(asked).toHaveLength(before);
    tokens.dispose();
  });

  it.each([
    ["docs/recipes.md", "A token that survives a reload", ["ada"]],
    ["docs/recipes.md", "Several deployments or tenants side by side", ["acme & co", "ada"]],
    ["docs/security.md", "Cookie tossing", ["ada"]],
    ["docs/server.md", "Rendering with the browser's token", ["ada"]],
  ])("%s: %s: even without such a storage", async (page, title, own) => {
    const { tokensOf } = await run<{ tokensOf(...own: string[]): CubeTokenManager }>(
      find(page, title, "tokensOf"),
    );
    const tokens = tokensOf(...own);
    expect(decodeJwt(await tokens.getToken()).sub).toBe("ada");
    expect(asked.at(-1)?.url).toMatch(/^\/auth\/cubejs-token(\?tenant=acme%20%26%20co)?$/);
    tokens.dispose();
  });

  it("development mode needs no token", async () => {
    const { tokens } = await run<{ tokens: CubeTokenManager }>(
      find("docs/recipes.md", "Cube's development mode"),
    );
    expect(await tokens.getToken()).toBe("");
  });
});

describe("the other pages'", () => {
  it("Node job prints rows with a token that it has signed itself", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    await run(find("docs/server.md", "A Node job with a service token"));
    expect(log).toHaveBeenCalledWith(rows);
    log.mockRestore();
    expect(server.contexts.at(-1)).toMatchObject({ sub: "nightly-report", tenantId: "acme" });
  });

  it("server asks Cube for the user of a request", async () => {
    const own = {
      "current-user.ts": 'export const currentUser = async () => ({ id: "ada", tenantId: "acme" });',
    };
    const text = find("docs/server.md", "A user's request");
    const { ordersOf } = await run<{ ordersOf(request: Request): Promise<unknown> }>(text, own);
    expect(await ordersOf(new Request("http://localhost/"))).toEqual(rows);
  });

  it("client credentials are sent as a form, and return a token", async () => {
    vi.stubEnv("CLIENT_ID", "report");
    const text = find("docs/server.md", "With the client credentials grant");
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text);
    expect(decodeJwt(await tokens.getToken()).sub).toBe("ada");
    expect(asked.at(-1)).toMatchObject({ method: "POST", url: "/oauth/token" });
    expect(asked.at(-1)?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    tokens.dispose();
  });

  it("page on a server has no data for a browser without a token", async () => {
    const text = find("docs/server.md", "Rendering with the browser's token", "cubeApiOf");
    const { cubeApiOf } = await run<{ cubeApiOf(cookies: string | undefined, user: string): unknown }>(text);
    expect(cubeApiOf(undefined, "ada")).toBeUndefined();
    expect(cubeApiOf("other=1", "ada")).toBeUndefined();
  });

  it("WebSocket loads", async () => {
    const text = find("docs/cube.md", "WebSocket");
    const { liveApi, tokens, transport } = await run<{
      liveApi: CubeApi;
      tokens: CubeTokenManager;
      transport: { close(): void };
    }>(`${text}\nexport { tokens, transport };`);
    expect(await load(liveApi)).toEqual(rows);
    tokens.dispose();
    transport.close();
  });

  it("log shows events, and no token", async () => {
    const debug = vi.spyOn(console, "debug").mockImplementation(() => {});
    const text = `${find("docs/troubleshooting.md", "Look first", "console.debug")}\nexport { tokens };`;
    const { tokens } = await run<{ tokens: CubeTokenManager }>(text);
    const token = await tokens.getToken();
    const said = JSON.stringify(debug.mock.calls);
    debug.mockRestore();
    expect(said).toContain('"refreshed"');
    expect(said).not.toContain(token);
    tokens.dispose();
  });

  it("rule for a custom checkAuth loads", async () => {
    const text = find("docs/troubleshooting.md", "Cube returns 500 when the token is rejected");
    const { tolerantApi } = await run<{ tolerantApi: CubeApi }>(text);
    expect(await load(tolerantApi)).toEqual(rows);
  });

  it("React banner renders on a server, before any state is known", async () => {
    const { html } = await run<{ html: string }>(
      `${find("docs/frameworks.md", "React")}
      import { renderToString } from "react-dom/server";
      export const html = renderToString(<><p>page</p><SessionBanner /></>);`,
    );
    expect(html).toBe("<p>page</p>");
  });

  it("Next.js page renders for a user, and leads to the sign-in page without one", async () => {
    const page = "docs/frameworks.md";
    const text = `${find(page, "Next.js", "app/page.tsx")}
      import { prerender } from "react-dom/static";
      export const render = async () => await new Response((await prerender(<Page />)).prelude).text();`;
    const { render } = await run<{ render(): Promise<string> }>(text, {
      "next/headers": "export const headers = async () => new Headers();",
      "next/navigation": "export const redirect = (path: string) => { throw new Error(path); };",
      "current-user.ts": "export const currentUser = async () => globalThis.user;",
      "cube-provider.ts": find(page, "Next.js", "app/cube-provider.tsx").replace("../session", "./session"),
      "orders.ts": find(page, "Next.js", "app/orders.tsx"),
    });
    vi.stubGlobal("user", { id: "ada" });
    expect(await render()).toContain("Loading…");
    vi.stubGlobal("user", undefined);
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    await render();
    expect(String(error.mock.calls)).toContain("/sign-in");
    error.mockRestore();
  });

  it("Vue component renders, and follows the manager", async () => {
    const page = "docs/frameworks.md";
    const component = compileVue(block(page, "Vue", "<template>").text);
    const { html, token, tokens } = await run<{
      html: string;
      token: { value: { status: string } };
      tokens: CubeTokenManager;
    }>(
      `import { createSSRApp, effectScope } from "vue";
      import { renderToString } from "vue/server-renderer";
      import App from "./app.vue.ts";
      import { tokens } from "./cube";
      import { useCubeToken } from "./use-cube-token";
      export { tokens };
      export const token = effectScope().run(() => useCubeToken(tokens));
      export const html = await renderToString(createSSRApp(App));`,
      { "use-cube-token.ts": find(page, "Vue", "onScopeDispose"), "app.vue.ts": component },
    );
    expect(html).toBe("<p>…</p>");
    await vi.waitFor(() => expect(token.value.status).toBe("fresh"));
    tokens.dispose();
  });

  it("Svelte component renders, and follows the manager", async () => {
    const page = "docs/frameworks.md";
    const { compile } = await import(
      /* @vite-ignore */ `${root}/test/docs/node_modules/svelte/src/compiler/index.js`
    );
    const { js } = compile(block(page, "Svelte", "{#await").text, {
      generate: "server",
      filename: "app.svelte",
    });
    const { html, tokenState, tokens } = await run<{
      html: string;
      tokenState: { subscribe(listener: (state: { status: string }) => void): () => void };
      tokens: CubeTokenManager;
    }>(
      `import { render } from "svelte/server";
      import App from "./app.svelte.ts";
      export { tokens } from "./cube";
      export { tokenState } from "./token-state";
      export const html = render(App).body;`,
      { "token-state.ts": find(page, "Svelte", "readable"), "app.svelte.ts": js.code },
    );
    expect(html).toContain("Loading…");
    const listener = vi.fn();
    const end = tokenState.subscribe(listener);
    await vi.waitFor(() => expect(listener.mock.lastCall?.[0].status).toBe("fresh"));
    end();
    tokens.dispose();
  });

  it("React Native storage keeps the token for the next start", async () => {
    const own = {
      "@react-native-async-storage/async-storage": `const items = globalThis.items;
        export default {
          getItem: async (key) => items.get(key) ?? null,
          setItem: async (key, value) => void items.set(key, value),
          removeItem: async (key) => void items.delete(key),
        };`,
    };
    const items = new Map<string, string>();
    vi.stubGlobal("items", items);
    const text = find("docs/frameworks.md", "React Native");
    const { tokensOf } = await run<{ tokensOf(userId: string): CubeTokenManager }>(text, own);
    const first = tokensOf("ada");
    const token = await first.getToken();
    await vi.waitFor(() => expect(items.size).toBe(1));
    first.dispose();
    const second = tokensOf("ada");
    expect(await second.getToken()).toBe(token);
    second.dispose();
  });

  it("wrapped transport loads", async () => {
    const text = find("docs/cube.md", "Your own transport, or plain `CubeApi`");
    const { plainApi } = await run<{ plainApi: CubeApi }>(text);
    expect(await load(plainApi)).toEqual(rows);
  });

  it("migration loads before and after", async () => {
    const page = "docs/migration.md";
    const { after } = await run<{ after: CubeApi }>(find(page, "The client", "createCubeApi"));
    expect(await load(after)).toEqual(rows);
    const { before } = await run<{ before: CubeApi }>(find(page, "The client", "apiTokenPromise"));
    expect(await load(before)).toEqual(rows);
  });

  it("migration starts from a server that redirects and signs for 30 days", async () => {
    const own = { "current-user.ts": "export const currentUser = async () => globalThis.user;" };
    const { app } = await run<{ app: Parameters<typeof createServer>[1] }>(
      `${find("docs/migration.md", "The server")}\nexport { app };`,
      own,
    );
    const http = createServer(app).listen(0, "127.0.0.1");
    await new Promise((ready) => http.once("listening", ready));
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/auth/cubejs-token`;
    vi.stubGlobal("user", undefined);
    expect((await fetch(url, { redirect: "manual" })).status).toBe(302);
    vi.stubGlobal("user", { id: "ada" });
    const { exp, iat, u } = decodeJwt((await (await fetch(url)).json()).token);
    expect([exp! - iat!, u]).toEqual([30 * 86_400, { id: "ada" }]);
    http.close();
  });

  it("migration starts from a setInterval", async () => {
    const setInterval = vi.fn();
    vi.stubGlobal("setInterval", setInterval);
    const old = await run<{ cubeApi?: CubeApi }>(find("docs/migration.md", "From a `setInterval`"));
    expect(setInterval).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 540_000);
    await vi.waitFor(() => expect(old.cubeApi).toBeDefined());
    expect(await load(old.cubeApi!)).toEqual(rows);
  });

  it("fake tokens stand in for a manager", async () => {
    const { fakeTokens } = await run<{ fakeTokens(token?: string): TokenProvider }>(
      find("docs/testing.md", "Your application, with fake tokens", "fake-tokens.ts"),
    );
    const { withTokens } = await import("../../src/index.js");
    const token = await sign({ sub: "test" }, { ttl: 60 });
    const { CubeApi } = await import("@cubejs-client/core");
    const transport = withTokens(new HttpTransport({ apiUrl: server.apiUrl }), fakeTokens(token));
    const cubeApi = new CubeApi({ apiUrl: server.apiUrl, transport });
    expect((await cubeApi.load(query)).rawData()).toEqual(rows);
  });

  it("tests with a controlled source pass", async () => {
    const tests: [name: string, test: () => Promise<void>][] = [];
    vi.stubGlobal("testing", { expect, vi, it: (...test: (typeof tests)[number]) => tests.push(test) });
    await run(find("docs/testing.md", "Your application, with fake tokens", "useFakeTimers"), {
      vitest: "export const { expect, it, vi } = globalThis.testing;",
    });
    expect(tests).toHaveLength(2);
    for (const [, test] of tests) await test();
  });
});

/** Blocks that run elsewhere, or cannot run. */
const ELSEWHERE: [page: string, part: string, where: string][] = [
  ["README.md", "// dashboard.tsx", "test/browser/recipes/dashboard.tsx"],
  // Fails until the reader has made the change.
  ["CONTRIBUTING.md", "retryDelay", "src/core/schedule.ts"],
  ["docs/embedding.md", "", "test/browser/scenarios/frames.ts"],
  ["docs/isolated.md", "", "test/browser/isolated.ts"],
  ["docs/frameworks.md", "@angular/core", "test/consumers/projects/angular"],
  ["docs/troubleshooting.md", "mountDevtools", "test/browser/scenarios/devtools.ts"],
  // A configuration.
  ["docs/recipes.md", "// vite.config.ts", "docs/recipes.md"],
];

it("runs every code block, here or elsewhere", () => {
  for (const [page, , where] of ELSEWHERE)
    expect(existsSync(`${root}/${where}`), `${page}: ${where}`).toBe(true);
  const left = blocks.filter(
    (each) =>
      isCode(each) &&
      !ran.has(each) &&
      !ELSEWHERE.some(([page, part]) => each.page === page && each.text.includes(part)),
  );
  expect(left.map(({ where, title }) => `${where} ${title}`)).toEqual([]);
});
