import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { tokenFromCookies } from "../../../src/index.js";
import { sign } from "../../support/cube.js";
import type { Browser, Engine, Tab } from "../engines/engine.js";
import { isInstalled } from "../engines/installed.mjs";
import { makeCertificate } from "../threats/certificate.js";

const KEY = "cube.token";

/** A page of one site with a frame of another, over https, where cookies of other sites are blocked. */
export function describePartitioned(engine: Engine): void {
  describe.skipIf(!isInstalled(engine.name))(`${engine.name}, partitioned cookies`, () => {
    let server: Server;
    let browser: Browser;
    let requests = 0;
    let host: string;
    let frame: string;
    let other: string;
    const tabs: Tab[] = [];
    const rows: Record<string, string> = {};

    beforeAll(async () => {
      const scripts: Record<string, string> = {
        "/manager.js": readFileSync("dist/cube-token-manager.iife.js", "utf8"),
        "/frame.js": readFileSync("test/browser/pages/frame.js", "utf8"),
      };
      const certificate = makeCertificate();
      server = createServer(certificate, async (request, response) => {
        const { pathname } = new URL(request.url!, "https://site");
        const answer = (type: string, text: string) =>
          response
            .writeHead(200, { "content-type": `${type}; charset=utf-8`, "cache-control": "no-store" })
            .end(text);
        if (scripts[pathname]) answer("text/javascript", scripts[pathname]);
        else if (pathname === "/token") {
          answer("application/json", JSON.stringify({ token: await sign({ sub: "ada", n: requests++ }) }));
        } else if (pathname === "/cookie") {
          const header = request.headers.cookie ?? "";
          const token = tokenFromCookies(header, { storageKey: KEY }) ?? null;
          answer("application/json", JSON.stringify({ header, token }));
        } else {
          const tags = Object.keys(scripts).map((src) => `<script src="${src}"></script>`);
          answer("text/html", `<!doctype html><meta charset="utf-8"><title>page</title>${tags.join("")}`);
        }
      }).listen(0);
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      host = `https://host.localhost:${port}`;
      frame = `https://frame.localhost:${port}`;
      other = `https://other.localhost:${port}`;
      browser = await engine.launch({ certificate: certificate.cert, blockThirdParty: true });
    });
    afterEach(async () => {
      await Promise.all(tabs.splice(0).map((tab) => tab.close().catch(() => {})));
      requests = 0;
    });
    afterAll(async () => {
      await browser?.close();
      server?.closeAllConnections();
      server?.close();
      const folder = `coverage/scenarios/${engine.name}`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/partitioned.json`, JSON.stringify(rows));
    });

    const scenario = (name: string, run: () => Promise<unknown>) =>
      it(name, { timeout: 60_000, retry: 1 }, async () => {
        rows[name] = "failed";
        rows[name] = (await run()) === false ? "cannot be expressed" : "passed";
      });
    const open = async (url: string) => {
      const tab = await browser.open(url);
      tabs.push(tab);
      return tab;
    };
    const within = <T>(tab: Tab, expression: string) =>
      tab.run<T>(`page.in(0, ${JSON.stringify(expression)})`);
    const embed = (tab: Tab) => tab.run(`page.add(${JSON.stringify(`${frame}/frame`)})`);
    const openHost = async (url = host) => {
      const tab = await open(`${url}/host`);
      await embed(tab);
      return tab;
    };
    /** A token of the frame's own manager. */
    const get = (tab: Tab, options: string) =>
      within<string>(
        tab,
        `page.watch(new cubeTokenManager.CubeTokenManager({
          endpoint: "/token", storageKey: "${KEY}", storage: cubeTokenManager.cookieStorage(${options}),
        })) ?? page.get()`,
      );
    const cookie = (tab: Tab) => within<string>(tab, "document.cookie");
    const sent = (tab: Tab) =>
      within<{ header: string; token: string | null }>(
        tab,
        `fetch("/cookie").then((answer) => answer.json())`,
      );

    scenario(
      "partitioned: a frame's token survives a reload of the host, and its server reads it",
      async () => {
        const tab = await openHost();
        // Without this package: does the engine store such a cookie at all?
        const kept = await within<string>(
          tab,
          `void (document.cookie = "probe=1; Path=/; SameSite=None; Secure; Partitioned") ?? document.cookie`,
        );
        const token = await get(tab, "{ partitioned: true }");
        expect(token).toMatch(/^eyJ/);
        if (!kept.includes("probe=1")) {
          // WebKitGTK 2.50 stores no cookie of another site's frame, Partitioned or not.
          expect([await cookie(tab), (await sent(tab)).header]).toEqual(["", ""]);
          expect(await within(tab, "page.events")).toContain("storagefailed");
          expect(await within(tab, "page.get()")).toBe(token);
          return false;
        }
        expect(await within(tab, "page.events")).not.toContain("storagefailed");
        expect((await sent(tab)).token).toBe(token);

        await tab.reload();
        await embed(tab);
        expect(await get(tab, "{ partitioned: true }")).toBe(token);
        expect(requests).toBe(1);
        expect((await sent(tab)).token).toBe(token);

        // Inside another site's page, and in its own tab, the frame's site has another partition.
        const elsewhere = await openHost(other);
        expect(await cookie(elsewhere)).toBe("");
        expect((await sent(elsewhere)).header).toBe("");
        const alone = await open(`${frame}/frame`);
        expect(await alone.run("document.cookie")).toBe("");
        expect(await get(elsewhere, "{ partitioned: true }")).not.toBe(token);

        await within(tab, "page.tokens.clear()");
        expect([await cookie(tab), (await sent(tab)).token]).toEqual([
          expect.not.stringContaining("eyJ"),
          null,
        ]);
        return true;
      },
    );

    for (const options of ["{}", `{ sameSite: "None", secure: true }`]) {
      scenario(
        `without partitioned, ${options}: nothing is stored or sent; the manager continues in memory`,
        async () => {
          const tab = await openHost();
          const token = await get(tab, options);
          expect(token).toMatch(/^eyJ/);
          expect([await cookie(tab), (await sent(tab)).header]).toEqual([
            expect.not.stringContaining("eyJ"),
            expect.not.stringContaining("eyJ"),
          ]);
          expect(await within(tab, "page.events")).toContain("storagefailed");
          expect(await within(tab, "page.get()")).toBe(token);
          await tab.reload();
          await embed(tab);
          expect(await get(tab, options)).not.toBe(token);
        },
      );
    }
  });
}
