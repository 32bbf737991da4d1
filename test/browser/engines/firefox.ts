import { launch, type Page } from "puppeteer-core";
import { sleep } from "../../support/cube.js";
import type { Browser, Engine, Tab } from "./engine.js";
import { engines } from "./installed.mjs";

const [executablePath] = engines.Firefox.paths;
const pages = new WeakMap<Tab, Page>();

function toTab(page: Page): Tab {
  const tab: Tab = {
    async goto(url) {
      await page.goto(url);
    },
    async reload() {
      await page.reload();
    },
    async back() {
      // A page from the back/forward cache fires no load event.
      await page.goBack({ timeout: 3000 }).catch(() => {});
    },
    run: (expression) => page.evaluate(expression) as Promise<never>,
    async runInFrame(selector, expression) {
      const frame = await (await page.waitForSelector(selector))!.contentFrame();
      return frame!.evaluate(expression) as Promise<never>;
    },
    show: () => page.bringToFront(),
    close: () => page.close(),
  };
  pages.set(tab, page);
  return tab;
}

/** A stock Firefox, over WebDriver BiDi. */
export const firefoxEngine: Engine = {
  name: "Firefox",
  intranet: "intranet.test",
  takes: ["certificate", "blockThirdParty", "profile", "extension"],
  async launch({ certificate, blockThirdParty, profile, extension } = {}): Promise<Browser> {
    const browser = await launch({
      browser: "firefox",
      executablePath: executablePath!,
      headless: true,
      acceptInsecureCerts: certificate !== undefined,
      ...(profile && { userDataDir: profile }),
      extraPrefsFirefox: {
        "network.dns.localDomains": "intranet.test",
        // Otherwise it partitions those of other sites automatically.
        ...(blockThirdParty && { "network.cookie.cookieBehavior.optInPartitioning": true }),
      },
    });
    if (extension) await browser.installExtension(extension);
    const opened: Page[] = [];
    /** While another tab is closing, opening a new one may fail. */
    const newPage = (tries = 5): Promise<Page> =>
      browser.newPage().catch(async (error) => {
        if (tries === 1) throw error;
        await sleep(100);
        return newPage(tries - 1);
      });
    return {
      async open(url) {
        const page = await newPage();
        opened.push(page);
        await page.goto(url);
        return toTab(page);
      },
      cookies: async () =>
        (await browser.cookies()).map(({ name, path, sameSite, secure, expires }) => ({
          name,
          path,
          sameSite,
          secure,
          expires,
        })),
      async offline(offline) {
        for (const page of opened) if (!page.isClosed()) await page.setOfflineMode(offline);
      },
      close: () => browser.close(),
    };
  },
};
