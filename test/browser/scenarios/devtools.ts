import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../../support/cube.js";
import { type DevtoolsSite, startDevtoolsSite } from "../devtools-site.js";
import type { Browser, Engine, Tab } from "../engines/engine.js";
import { isInstalled } from "../engines/installed.mjs";

/** The published devtools in a page with a strict policy. */
export function describeDevtools(engine: Engine): void {
  describe.skipIf(!isInstalled(engine.name))(`${engine.name}, devtools`, () => {
    let site: DevtoolsSite;
    let browser: Browser;
    let tab: Tab;

    beforeAll(async () => {
      site = await startDevtoolsSite();
      browser = await engine.launch();
      tab = await browser.open(site.url);
    });
    beforeEach(() => site.reset());
    afterAll(async () => {
      await browser?.close();
      site?.stop();
    });

    const shows = (selector: string, text: string | RegExp) =>
      until(
        async () => new RegExp(text).test(await tab.run(`page.text(${JSON.stringify(selector)})`)),
        20_000,
      );

    it("follows a token from the first request to a sign-out, without showing it", { retry: 1 }, async () => {
      await tab.goto(site.url);
      await tab.run("page.mount()");
      await shows(".pill", "^empty$");
      expect(site.tokens).toEqual([]);
      await tab.run("page.tokens.getToken().then(() => true)");
      await shows(".pill", "^fresh$");
      await shows("[role=timer]", /^(5 min 00|4 min 5\d) suntil it expires$/);
      await shows("dl", "<img src=/evil>");
      expect(await tab.run("page.lines()")).toEqual([
        "Got a new token from the source",
        "Requested a token from the source, attempt 1",
        "Refresh started",
      ]);
      site.fails = true;
      await tab.run("page.tokens.getToken({ forceRefresh: true }).catch(() => true)");
      await shows(".error", "^ERR_HTTP_STATUS");
      await tab.run("page.tokens.clear().then(() => true)");
      await shows(".spoken", "^The token is empty.$");
      const html = await tab.run<string>("page.root.innerHTML");
      expect(site.tokens.length).toBeGreaterThan(0);
      for (const token of site.tokens) {
        for (const part of token.split(".")) expect(html).not.toContain(part);
      }
      await tab.run("page.stop()");
      expect(await tab.run("page.container.children.length")).toBe(0);
    });

    it("passes axe with a token and a failure", { retry: 1 }, async () => {
      await tab.goto(site.url);
      await tab.run("page.mount()");
      await tab.run("page.tokens.getToken().then(() => true)");
      site.fails = true;
      await tab.run("page.tokens.getToken({ forceRefresh: true }).catch(() => true)");
      await shows(".error", "^ERR_HTTP_STATUS");
      const { violations, passes } = await tab.run<Record<string, string[]>>("page.violations()");
      expect(violations).toEqual([]);
      // The shadow root was searched: it contains the panel's texts and its live region.
      expect(passes).toEqual(expect.arrayContaining(["aria-allowed-role", "color-contrast"]));
    });

    it("keeps its own styles under a strict policy and hostile styles", { retry: 1 }, async () => {
      await tab.goto(`${site.url}hostile`);
      await tab.run("page.mount()");
      await tab.run("page.tokens.getToken().then(() => true)");
      await shows(".pill", "^fresh$");
      expect(await tab.run("page.style('section', 'border-top-width')")).toBe("1px");
      expect(await tab.run("page.style('summary', 'display')")).toBe("flex");
      expect(await tab.run("page.style('h2', 'font-size')")).toBe("15px");
      expect(await tab.run("page.style('.life .lived', 'width')")).toMatch(/^[\d.]+px$/);
      expect(await tab.run("page.root.querySelector('.track i').style.left")).not.toBe("");
      // No text is red.
      expect(await tab.run("page.style('h2', 'color')")).not.toBe("rgb(255, 0, 0)");
    });
  });
}
