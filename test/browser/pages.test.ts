import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import cube from "@cubejs-client/core";
import express, { type Express } from "express";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tokenFromCookies } from "../../src/index.js";
import { launchChromium } from "../support/chromium.mjs";
import { type Cube, sign, startCube } from "../support/cube.js";
import { isInstalled } from "./engines/installed.mjs";

const query = { measures: ["Things.count"] };
let server: Cube;
let browser: Browser;
const closing: (() => unknown)[] = [];

const hasChromium = isInstalled("Chromium");

beforeAll(async () => {
  if (hasChromium) [server, browser] = await Promise.all([startCube(), launchChromium()]);
});
afterAll(async () => {
  await browser?.close();
  for (const close of closing) close();
});

/** An application that serves `dist/` and its own pages; resolves to its address. */
async function serve(routes: (app: Express) => void): Promise<string> {
  const app = express();
  app.use("/dist", express.static("dist"));
  routes(app);
  const listening = await new Promise<ReturnType<typeof app.listen>>((resolve) => {
    const http = app.listen(0, "127.0.0.1", () => resolve(http));
  });
  closing.push(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return `http://localhost:${(listening.address() as AddressInfo).port}`;
}

/** Opens a tab that fails the test on any error, and on any request to another host. */
async function openTab(): Promise<{ tab: Page; problems: string[]; requests: string[] }> {
  const tab = await (await browser.newContext()).newPage();
  const problems: string[] = [];
  const requests: string[] = [];
  tab.on("pageerror", (error) => problems.push(String(error)));
  tab.on("request", (request) => requests.push(new URL(request.url()).pathname));
  return { tab, problems, requests };
}

describe.skipIf(!hasChromium)("a script tag", () => {
  it("with dist/cube-token-manager.full.iife.js is all that a chart needs", async () => {
    const url = await serve((app) => {
      app.get("/", (_, response) => {
        response.send('<!doctype html><script src="/dist/cube-token-manager.full.iife.js"></script>');
      });
      app.get("/token", async (_, response) => {
        response.json({ token: await sign() });
      });
    });
    const { tab, problems, requests } = await openTab();
    await tab.goto(url);
    const seen = await tab.evaluate(`(async () => {
      const { CubeTokenManager, createCubeApi, cube, HttpTransport, withTokens } = cubeTokenManager;
      const apiUrl = ${JSON.stringify(server.apiUrl)};
      const tokens = new CubeTokenManager({ endpoint: "/token" });
      const count = async (api) => (await api.load(${JSON.stringify(query)})).rawData()[0]["Things.count"];
      return [
        await count(createCubeApi(tokens, { apiUrl })),
        await count(cube(tokens.getToken, { apiUrl })),
        await count(cube({ apiUrl, transport: withTokens(new HttpTransport({ apiUrl }), tokens) })),
      ].map(Number);
    })()`);
    expect(seen).toEqual([2, 2, 2]);
    expect(problems).toEqual([]);
    expect(requests.filter((path) => path.startsWith("/dist"))).toEqual([
      "/dist/cube-token-manager.full.iife.js",
    ]);
    expect(requests.filter((path) => path === "/token")).toHaveLength(1);
  });
});

describe.skipIf(!hasChromium)("a page rendered on the server (Express)", () => {
  it("contains its token, and finds it in the cookie on the next render", async () => {
    const rendered: (string | undefined)[] = [];
    let tokenRequests = 0;
    const url = await serve((app) => {
      app.get("/", async (request, response) => {
        // The second time, the browser sends the token: the server renders with data.
        const known = tokenFromCookies(request.headers.cookie, { endpoint: "/token", identity: "ada" });
        rendered.push(known);
        const token = known ?? (await sign({ sub: "ada" }));
        const rows = known
          ? (await cube(known, { apiUrl: server.apiUrl }).load(query)).rawData()
          : "not on the first visit";
        response.set("Cache-Control", "no-store").send(`<!doctype html>
          <meta name="cube-token" content="${token}">
          <p>${JSON.stringify(rows)}</p>
          <script src="/dist/cube-token-manager.full.iife.js"></script>`);
      });
      app.get("/token", async (_, response) => {
        tokenRequests++;
        response.json({ token: await sign({ sub: "ada" }) });
      });
    });
    const { tab, problems } = await openTab();
    const load = `(async () => {
      const { CubeTokenManager, cookieStorage, createCubeApi, embeddedToken } = cubeTokenManager;
      const tokens = new CubeTokenManager({
        endpoint: "/token", identity: "ada", storage: cookieStorage(), initialToken: embeddedToken(),
      });
      const rows = (await createCubeApi(tokens, { apiUrl: ${JSON.stringify(server.apiUrl)} }).load(${JSON.stringify(query)})).rawData();
      return [Number(rows[0]["Things.count"]), tokens.getSnapshot().claims.sub, await tokens.getToken()];
    })()`;
    await tab.goto(url);
    const [count, sub, token] = (await tab.evaluate(load)) as [number, string, string];
    expect([count, sub]).toEqual([2, "ada"]);
    await tab.reload();
    expect(await tab.textContent("p")).toContain('"Things.count":"2"');
    // The same token, from the first page to the server and back.
    expect(await tab.evaluate(load)).toEqual([2, "ada", token]);
    expect(rendered).toEqual([undefined, token]);
    expect(tokenRequests).toBe(0);
    expect(problems).toEqual([]);
  });
});

describe.skipIf(!hasChromium)("a page whose requests are observed", () => {
  const page = (app: Express) =>
    app.get("/", (_, response) => {
      response.send('<!doctype html><script src="/dist/cube-token-manager.iife.js"></script>');
    });

  it("has no failed token request: each body is read to its end", async () => {
    const url = await serve((app) => {
      page(app);
      app.get("/token", async (_, response) => {
        // Chromium never reports a cacheable response as aborted, however it is read.
        response.set("Cache-Control", "no-store").json({ token: await sign() });
      });
    });
    const { tab } = await openTab();
    const failed: string[] = [];
    let finished = 0;
    tab.on("requestfailed", (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
    tab.on("requestfinished", (request) => {
      if (request.url().includes("/token")) finished++;
    });
    await tab.goto(url);
    const served = await tab.evaluate(`(async () => {
      let served = 0;
      for (let n = 0; n < 40; n++) {
        const tokens = new cubeTokenManager.CubeTokenManager({ endpoint: "/token?n=" + n });
        if (await tokens.getToken()) served++;
        tokens.dispose();
      }
      return served;
    })()`);
    expect(served).toBe(40);
    await expect.poll(() => finished + failed.length, { timeout: 10_000 }).toBe(40);
    expect(failed).toEqual([]);
  });

  it.each(["as a whole", "in pieces", "compressed"])(
    "refuses a body of more than 1 MiB, sent %s",
    async (how) => {
      const body = JSON.stringify({ token: "t", more: "x".repeat(1 << 20) });
      const url = await serve((app) => {
        page(app);
        app.get("/token", (_, response) => {
          response.set("Content-Type", "application/json");
          if (how === "compressed") response.set("Content-Encoding", "gzip").end(gzipSync(body));
          else if (how === "as a whole") response.set("Content-Length", String(body.length)).end(body);
          else {
            response.write(body.slice(0, 1000));
            response.end(body.slice(1000));
          }
        });
      });
      const { tab } = await openTab();
      await tab.goto(url);
      const error =
        tab.evaluate(`new cubeTokenManager.CubeTokenManager({ endpoint: "/token" }).getToken().then(
      () => "a token",
      ({ code, message }) => code + " " + message,
    )`);
      expect(await error).toMatch(/^ERR_INVALID_RESPONSE The answer is longer than 1 MiB/);
    },
  );
});
