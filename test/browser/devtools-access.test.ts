import { mkdirSync } from "node:fs";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.mjs";
import { type DevtoolsSite, startDevtoolsSite } from "./devtools-site.js";
import { isInstalled } from "./engines/installed.mjs";

describe.skipIf(!isInstalled("Chromium"))("the accessibility of the devtools, in Chromium", () => {
  let site: DevtoolsSite;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    site = await startDevtoolsSite();
    browser = await launchChromium();
  });
  afterEach(() => page?.close());
  afterAll(async () => {
    await browser?.close();
    site?.stop();
  });

  /** A token, a failed refresh and a forgotten token: everything that can be shown at once. */
  async function show(colorScheme: "light" | "dark", width: number) {
    site.reset();
    page = await browser.newPage({
      colorScheme,
      reducedMotion: "reduce",
      viewport: { width, height: 900 },
      // axe is an inline script.
      bypassCSP: true,
    });
    await page.goto(site.url);
    await page.evaluate("page.mount()");
    await page.evaluate("page.tokens.getToken()");
    site.fails = true;
    await page.evaluate("page.tokens.getToken({ forceRefresh: true }).catch(() => {})");
    await page.waitForSelector(".error:has-text('ERR_HTTP_STATUS')");
  }

  const violations = async () => {
    await page.evaluate(axe.source);
    // This minimal page has no heading of the first level.
    const { violations } = (await page.evaluate(
      "axe.run(page.container, { rules: { 'page-has-heading-one': { enabled: false } } })",
    )) as axe.AxeResults;
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
  };

  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1000, 360]) {
      it(`passes axe, and nothing is cut off: ${colorScheme}, ${width} px`, async () => {
        await show(colorScheme, width);
        expect(await violations()).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        const paper = await page.evaluate("page.style('section', 'background-color')");
        expect(paper).toBe(colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(23, 25, 39)");
        mkdirSync("coverage/screenshots", { recursive: true });
        await page.screenshot({
          path: `coverage/screenshots/devtools-${colorScheme}-${width}.png`,
          fullPage: true,
        });
      });
    }
  }

  it("can be used by keyboard alone, and the focus is visible", async () => {
    await show("light", 1000);
    const focused = () => page.evaluate("page.root.activeElement?.localName");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("summary");
    expect(await page.evaluate("page.style('summary', 'outline-style')")).toBe("solid");
    await page.keyboard.press("Enter");
    expect(await page.isVisible("ol")).toBe(false);
    await page.keyboard.press("Space");
    expect(await page.isVisible("ol")).toBe(true);
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("ol");
  });

  it("respects prefers-reduced-motion", async () => {
    await show("light", 1000);
    expect(await page.evaluate("page.root.getAnimations().length")).toBe(0);
    await page.evaluate("page.root.querySelector('.track i').classList.add('open')");
    expect(await page.evaluate("page.style('.open', 'animation-name')")).toBe("none");
    await page.emulateMedia({ reducedMotion: "no-preference" });
    expect(await page.evaluate("page.style('.open', 'animation-name')")).toBe("pulse");
  });

  it("floats within the window, and scrolls by keyboard there", async () => {
    await show("light", 360);
    await page.evaluate("page.stop(), page.float(), page.container = document.body");
    const box = (await page.evaluate(
      "(({ x, y, right, bottom }) => ({ x, y, right, bottom }))(document.body.lastElementChild.getBoundingClientRect())",
    )) as DOMRect;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.y).toBeGreaterThanOrEqual(0);
    expect(box.right).toBeLessThanOrEqual(360);
    expect(box.bottom).toBeLessThanOrEqual(900);
    expect(await violations()).toEqual([]);
    await page.screenshot({ path: "coverage/screenshots/devtools-floating.png" });
  });
});
