import { mkdirSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { makeOrders } from "../../demo/cube/orders.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { type Demo, startDemo } from "../support/demo.js";
import { chromiumEngine } from "./engines/chromium.js";
import type { Browser as AnyBrowser, Tab } from "./engines/engine.js";
import { firefoxEngine } from "./engines/firefox.js";
import { isInstalled } from "./engines/installed.mjs";
import { webkitEngine } from "./engines/webkit.js";

interface Order {
  company: string;
  amount: number;
  createdAt: string;
}

type Months = Record<string, { count: number; revenue: string }>;

/** The expected chart, computed from the data without Cube. */
function expected(company: string): Months {
  const cents: Record<string, { count: number; cents: number }> = {};
  for (const order of makeOrders() as Order[]) {
    if (order.company !== company) continue;
    cents[order.createdAt.slice(0, 7)] ??= { count: 0, cents: 0 };
    const month = cents[order.createdAt.slice(0, 7)]!;
    month.count++;
    month.cents += Math.round(order.amount * 100);
  }
  return Object.fromEntries(
    Object.entries(cents).map(([month, { count, cents }]) => [
      month,
      { count, revenue: (cents / 100).toFixed(2) },
    ]),
  );
}

interface Query {
  user: string;
  ok: boolean;
  companies?: string[];
}

const TTL = 20;

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo({ TOKEN_TTL: String(TTL) });
});
afterAll(() => demo?.stop());

for (const engine of [chromiumEngine, firefoxEngine, webkitEngine]) {
  describe.skipIf(!isInstalled(engine.name))(`the demo's three ways in ${engine.name}`, () => {
    let browser: AnyBrowser;
    let tab: Tab;

    beforeAll(async () => {
      browser = await engine.launch();
      tab = await browser.open(demo.url);
    });
    afterAll(() => browser?.close());

    const click = (selector: string) => tab.run(`document.querySelector("${selector}").click()`);
    const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 100 });

    for (const way of ["page", "frame", "isolated"]) {
      it(`${way}: shows the company's rows until the sign-out`, async () => {
        const inChart = <T>(expression: string) =>
          way === "frame" ? tab.runInFrame<T>("#frame iframe", expression) : tab.run<T>(expression);
        const company = () => inChart<string>('document.querySelector("#company").textContent');
        const months = () =>
          inChart<Months>(`Object.fromEntries(
            [...document.querySelectorAll("#numbers tbody tr")].map(({ dataset, cells }) => [
              dataset.month,
              { count: Number(cells[1].textContent), revenue: cells[2].textContent },
            ]),
          )`);

        await click(`[data-way=${way}]`);
        await click("[data-user=ada]");
        await eventually(async () => expect(await company()).toBe("Acme Bikes"));
        expect(await months()).toEqual(expected("Acme Bikes"));
        const { origin, host } = new URL(demo.url);
        expect(await inChart("location.origin")).toBe(
          way === "frame" ? `http://${host.replace("localhost", "127.0.0.1")}` : origin,
        );
        // A worker's token is not in the page.
        expect(await tab.run("[typeof demo.tokens().getToken, localStorage.length]")).toEqual(
          way === "isolated" ? ["undefined", 0] : ["function", 1],
        );

        await click("#sign-out");
        await eventually(async () => {
          expect(await company()).toBe("signed out");
          expect(await months()).toEqual({});
          const pill =
            'document.querySelector("#devtools > *").shadowRoot.querySelector(".pill").textContent';
          expect(await tab.run(pill)).toBe("empty");
        });
        expect(await tab.run("localStorage.length")).toBe(0);
        expect(await tab.run('fetch("/auth/cubejs-token").then(({ status }) => status)')).toBe(401);
      });
    }
  });
}

describe.skipIf(!isInstalled("Chromium"))("the demo in Chromium", () => {
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];

  const shown = (): Promise<Months> =>
    page.$$eval("#numbers tbody tr", (rows) =>
      Object.fromEntries(
        rows.map((row) => [
          (row as HTMLElement).dataset.month,
          { count: Number(row.children[1]!.textContent), revenue: row.children[2]!.textContent! },
        ]),
      ),
    );
  const queries = () => page.evaluate("demo.queries") as Promise<Query[]>;
  const requests = async () =>
    ((await page.evaluate("demo.events")) as { type: string; at: number }[]).filter(
      ({ type }) => type === "requested",
    );
  const company = (name: string) =>
    page.waitForFunction(`document.querySelector("#company").textContent === "${name}"`);
  /** The content of the devtools; selectors also search their shadow root. */
  const panel = (selector: string) => page.textContent(`#devtools ${selector}`);
  const screenshot = async (name: string) => {
    mkdirSync("coverage/screenshots", { recursive: true });
    await page.screenshot({ path: `coverage/screenshots/${name}.png`, fullPage: true });
  };

  beforeAll(async () => {
    browser = await launchChromium();
    const context = await browser.newContext({ viewport: { width: 1240, height: 1100 } });
    page = await context.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      // A broken endpoint is part of the demo.
      const isAnswer = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isAnswer) errors.push(message.text());
    });
    await page.goto(demo.url);
  });

  afterAll(async () => {
    await browser?.close();
  });

  it("requests no token before a user signs in", async () => {
    expect(await page.textContent("#devtools")).toContain("Sign in");
    expect(await page.evaluate("demo.tokens()")).toBeNull();
    expect(await requests()).toEqual([]);
    expect((await fetch(`${demo.url}/auth/cubejs-token`)).status).toBe(401);
  });

  it("shows the numbers of the user's company, equal to those computed from the data", async () => {
    await page.click("[data-user=ada]");
    await company("Acme Bikes");
    expect(await shown()).toEqual(expected("Acme Bikes"));
    const cookies = await page.context().cookies();
    expect(cookies.find(({ name }) => name === "session")).toMatchObject({
      httpOnly: true,
      sameSite: "Strict",
    });
  });

  it("lets three token lifetimes pass without a failed query", async () => {
    const before = (await queries()).length;
    await page.waitForTimeout(3 * TTL * 1000 + 2000);
    const after = await queries();
    expect(after.length - before).toBeGreaterThan(15);
    expect(after.filter(({ ok }) => !ok)).toEqual([]);
    // A 20-second token is refreshed after 8 to 10 s, or sooner if its answer was slow, but never in a loop.
    const { length } = await requests();
    expect(length).toBeGreaterThanOrEqual(6);
    expect(length).toBeLessThanOrEqual(12);
    await screenshot("light");
  });

  it("shows another user other numbers, and never answers a query for the wrong company", async () => {
    await page.click("[data-user=grace]");
    await company("Globex Coffee");
    expect(await shown()).toEqual(expected("Globex Coffee"));
    // Back and forth, in the middle of queries.
    for (const [user, name] of [
      ["ada", "Acme Bikes"],
      ["grace", "Globex Coffee"],
      ["ada", "Acme Bikes"],
    ] as const) {
      await page.click(`[data-user=${user}]`);
      await company(name);
    }
    const companies = { ada: "Acme Bikes", grace: "Globex Coffee" } as Record<string, string>;
    const answered = await queries();
    expect(answered.length).toBeGreaterThan(20);
    for (const { user, ok, companies: seen } of answered) {
      expect({ user, ok, seen }).toEqual({ user, ok: true, seen: [companies[user]] });
    }
  });

  it("keeps serving the token while the endpoint fails or hangs, and recovers automatically", async () => {
    const before = (await queries()).length;
    await page.click("[data-mode=fail]");
    await page.waitForFunction("demo.tokens().getSnapshot().error", null, { timeout: 15_000 });
    await page.waitForSelector("#devtools .error:has-text('ERR_HTTP_STATUS')");
    expect(await panel("ol")).toContain("Attempt 1 failed");
    expect(await panel(".pill")).not.toBe("expired");
    await page.click("[data-mode=hang]");
    await page.waitForTimeout(2000);
    expect((await queries()).slice(before).filter(({ ok }) => !ok)).toEqual([]);
    await page.click("[data-mode=work]");
    await page.waitForFunction("!demo.tokens().getSnapshot().error", null, { timeout: 30_000 });
    await page.waitForSelector("#devtools .pill:text-is('fresh')");
    expect(await panel(".error")).toBe("");
    expect((await queries()).slice(before).filter(({ ok }) => !ok)).toEqual([]);
  });

  it("reports the endpoint's failure once the token has expired, and recovers with the endpoint", async () => {
    await page.click("[data-mode=fail]");
    await page.waitForFunction("Number(document.querySelector('#failed').textContent) > 0", null, {
      timeout: 60_000,
    });
    const failedAt = (await queries()).length;
    await screenshot("failed");
    await page.click("[data-mode=work]");
    await page.waitForFunction(`demo.queries.slice(${failedAt}).some(({ ok }) => ok)`, null, {
      timeout: 60_000,
    });
  });

  it("replaces a manually expired token without a failed query", async () => {
    const failed = (await queries()).filter(({ ok }) => !ok).length;
    const before = (await requests()).length;
    const answered = (await queries()).length;
    await page.click("#expire");
    await page.waitForFunction("demo.tokens().getSnapshot().status === 'expired'");
    // Counted immediately: a token of 20 seconds may be due again after two.
    const asked = await page.waitForFunction(`(() => {
      const { length } = demo.events.filter(({ type }) => type === "requested");
      return demo.tokens().getSnapshot().status === "fresh" && length > ${before} && length;
    })()`);
    expect(await asked.jsonValue()).toBe(before + 1);
    await page.waitForFunction(`demo.queries.length > ${answered + 1}`);
    expect((await queries()).filter(({ ok }) => !ok).length).toBe(failed);
  });

  for (const storage of ["local", "indexeddb", "cookie"]) {
    it(`serves the stored token after a reload before any request: ${storage}`, async () => {
      await page.click(`[data-storage=${storage}]`);
      const newQuery = `demo.queries.slice(-1)[0]?.ok && demo.tokens()?.getSnapshot().status === "fresh"`;
      await page.waitForFunction(newQuery);
      await page.evaluate("demo.tokens().getToken({ forceRefresh: true })");
      const due = (await page.evaluate("demo.tokens().getSnapshot().refreshAt")) as number;
      await page.reload();
      await page.waitForFunction(newQuery);
      // On a busy machine, a token of 20 seconds may be due for its refresh by now; a `Date` header is accurate to a second.
      expect((await requests()).filter(({ at }) => at < due - 1000)).toEqual([]);
      const first = await page.evaluate(
        "demo.events.find(({ type }) => type === 'refreshed' || type === 'requested')",
      );
      expect(first).toMatchObject({ type: "refreshed", from: "storage" });
    });
  }

  it("shows in three tabs which one refreshed, and which ones reused its token", async () => {
    await page.click("[data-storage=local]");
    const others = [await page.context().newPage(), await page.context().newPage()];
    for (const other of others) {
      await other.goto(demo.url);
      await other.waitForFunction("demo.queries.at(-1)?.ok");
    }
    const tabs = [page, ...others];
    const count = (from: string) =>
      Promise.all(
        tabs.map(
          (tab) =>
            tab.evaluate(`demo.events.filter((each) => each.from === "${from}").length`) as Promise<number>,
        ),
      );
    const before = await count("source");
    await page.waitForTimeout(1.5 * TTL * 1000);
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    // Refreshed by one of the three: separately, there would be six to nine refreshes.
    const refreshed = sum(await count("source")) - sum(before);
    expect(refreshed).toBeGreaterThanOrEqual(2);
    expect(refreshed).toBeLessThanOrEqual(5);
    expect(sum(await count("storage"))).toBeGreaterThanOrEqual(2 * refreshed);
    for (const other of others) {
      expect(await other.evaluate("demo.queries.filter(({ ok }) => !ok).length")).toBe(0);
      expect(await other.textContent("#devtools ol")).toContain("without a request");
    }
    await screenshot("tabs");
    // Another user in one of them means another user in all.
    await page.click("[data-user=grace]");
    for (const tab of tabs) {
      await tab.waitForFunction('document.querySelector("#company").textContent === "Globex Coffee"', null, {
        timeout: 10_000,
      });
    }
    await page.click("#sign-out");
    for (const tab of tabs) {
      await tab.waitForFunction('document.querySelector("#company").textContent === "signed out"');
      expect(
        await tab.evaluate(
          "demo.queries.every(({ user, companies = [] }) => companies.every((each) => each === (user === 'ada' ? 'Acme Bikes' : 'Globex Coffee')))",
        ),
      ).toBe(true);
    }
    for (const other of others) await other.close();
    await page.click("[data-user=ada]");
    await company("Acme Bikes");
  });

  it("forgets everything on sign-out", async () => {
    await page.click("#sign-out");
    await page.waitForFunction("document.querySelector('#company').textContent === 'signed out'");
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(await page.evaluate("localStorage.length")).toBe(0);
    await page.waitForSelector("#devtools .pill:text-is('empty')");
    expect(await panel("ol")).toContain("Signed out");
  });

  it("shows a second tab's view on a click, which follows the first", async () => {
    await page.click("[data-user=ada]");
    await company("Acme Bikes");
    await page.click("#second");
    const view = page.frameLocator("#second-view iframe");
    await view.locator("#company:text-is('Acme Bikes')").waitFor();
    await view.locator("#devtools ol:has-text('without a request')").waitFor();
    await page.click("#sign-out");
    await view.locator("#company:text-is('signed out')").waitFor();
    await page.click("#second");
    expect(await page.$$("iframe")).toEqual([]);
  });

  it("is usable at 360 px and in the dark", async () => {
    await page.click("[data-user=grace]");
    await company("Globex Coffee");
    await page.setViewportSize({ width: 360, height: 800 });
    await page.emulateMedia({ colorScheme: "dark" });
    // The chart is redrawn.
    await page.waitForFunction("document.documentElement.scrollWidth === 360");
    await screenshot("dark-360");
    expect(errors).toEqual([]);
  });

  it("exits cleanly on Ctrl-C", async () => {
    expect(await demo.stop("SIGINT")).toBe(0);
    await expect(fetch(demo.url)).rejects.toThrow();
  });
});
