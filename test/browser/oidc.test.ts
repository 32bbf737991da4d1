import { readFile } from "node:fs/promises";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.mjs";
import { type Cube, startCube, startServer } from "../support/cube.js";
import { freePort } from "../support/free-port.mjs";
import { AUDIENCE, startProvider } from "../support/oidc.js";
import { isInstalled } from "./engines/installed.mjs";

const TTL = 6;
const query = { measures: ["Things.count"], dimensions: ["Things.context"] };

/** The page of an application with an OpenID Connect client. */
const page = (authority: string, apiUrl: string) => `
  <!doctype html>
  <script src="/cube-token-manager.full.iife.js"></script>
  <script src="/oidc-client.js"></script>
  <script type="module">
    const oidc = new oidcClient.UserManager({
      authority: ${JSON.stringify(authority)},
      client_id: "app",
      redirect_uri: location.origin + "/",
      scope: "openid query",
      resource: ${JSON.stringify(AUDIENCE)},
      automaticSilentRenew: false,
    });
    if (location.search.includes("code=")) {
      await oidc.signinRedirectCallback();
      history.replaceState(null, "", "/");
    }
    const user = await oidc.getUser();
    if (!user) await oidc.signinRedirect();
    else {
      window.tokens = new cubeTokenManager.CubeTokenManager({
        initialToken: user.access_token,
        fetchToken: async () => (await oidc.signinSilent()).access_token,
      });
      window.cubeApi = cubeTokenManager.createCubeApi(tokens, { apiUrl: ${JSON.stringify(apiUrl)} });
    }
  </script>`;

describe.skipIf(!isInstalled("Chromium"))(
  "an OpenID Connect provider, through oidc-client-ts in Chromium",
  () => {
    let cube: Cube;
    let provider: Awaited<ReturnType<typeof startProvider>>;
    let app: Awaited<ReturnType<typeof startServer>>;
    let browser: Browser;

    beforeAll(async () => {
      const [providerPort, full, { outputFiles }] = await Promise.all([
        freePort(),
        readFile("dist/cube-token-manager.full.iife.js", "utf8"),
        build({
          stdin: { contents: 'export { UserManager } from "oidc-client-ts"', resolveDir: "." },
          bundle: true,
          write: false,
          format: "iife",
          globalName: "oidcClient",
        }),
      ]);
      const authority = `http://localhost:${providerPort}`;
      cube = await startCube({
        jwt: { jwkUrl: `${authority}/jwks`, algorithms: ["RS256"], issuer: [authority], audience: AUDIENCE },
      });
      const scripts: Record<string, string> = {
        "/cube-token-manager.full.iife.js": full,
        "/oidc-client.js": outputFiles[0]!.text,
      };
      app = await startServer((request, response) => {
        const script = scripts[request.url!];
        response
          .writeHead(200, { "content-type": `text/${script ? "javascript" : "html"}; charset=utf-8` })
          .end(script ?? page(authority, cube.apiUrl));
      });
      provider = await startProvider(providerPort, `${app.url}/`, TTL);
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      app?.stop();
      provider?.stop();
    });

    it("signs in, and works over several token lifetimes without a failed query", async () => {
      const tab = await browser.newPage();
      const problems: string[] = [];
      tab.on("pageerror", (error) => problems.push(String(error)));
      await tab.goto(app.url);
      // The provider's own pages: sign-in and consent.
      await tab.fill("[name=login]", "ada");
      await tab.fill("[name=password]", "any");
      await tab.click("[type=submit]");
      await tab.click("[type=submit]");
      await tab.waitForFunction("window.cubeApi");

      const answers = (await tab.evaluate(`(async () => {
      const answers = [];
      const end = Date.now() + ${3.5 * TTL * 1000};
      while (Date.now() < end) {
        try {
          const [row] = (await cubeApi.load(${JSON.stringify(query)})).rawData();
          answers.push({ count: Number(row["Things.count"]), context: JSON.parse(row["Things.context"]) });
        } catch (error) {
          answers.push({ error: String(error) });
        }
        await new Promise((go) => setTimeout(go, 500));
      }
      return answers;
    })()`)) as { count?: number; context?: Record<string, unknown>; error?: string }[];

      expect(answers.length).toBeGreaterThan(20);
      for (const { count, context, error } of answers) {
        expect(error).toBeUndefined();
        expect(count).toBe(2);
        expect(context).toMatchObject({
          sub: "ada",
          company: "Acme Bikes",
          aud: AUDIENCE,
          iss: provider.issuer,
        });
      }
      // More than three lifetimes need new tokens, one after each half of a lifetime.
      expect(provider.issued.accessTokens).toBeGreaterThanOrEqual(5);
      expect(provider.issued.accessTokens).toBeLessThanOrEqual(12);
      expect(new Set(answers.map(({ context }) => context?.iat)).size).toBeGreaterThanOrEqual(4);
      expect(problems).toEqual([]);
    });
  },
);
