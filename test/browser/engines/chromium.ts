import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { type CDPSession, chromium, type Page } from "playwright-core";
import { chromiumArgs, chromiumPath } from "../../support/chromium.mjs";
import { type Browser, type Engine, makeProfile, type Tab } from "./engine.js";

const pages = new WeakMap<Tab, { page: Page; cdp: CDPSession }>();

async function toTab(page: Page): Promise<Tab> {
  const cdp = await page.context().newCDPSession(page);
  const tab: Tab = {
    async goto(url) {
      await page.goto(url);
    },
    async reload() {
      await page.reload();
    },
    async back() {
      await page.goBack({ waitUntil: "commit" });
    },
    run: (expression) => page.evaluate(expression),
    async runInFrame(selector, expression) {
      const frame = await (await page.waitForSelector(selector)).contentFrame();
      return frame!.evaluate(expression);
    },
    show: () => page.bringToFront(),
    close: () => page.close(),
    async crash() {
      const crashed = page.waitForEvent("crash");
      page.goto("chrome://crash").catch(() => {});
      await crashed;
    },
    async freeze(frozen) {
      await cdp.send("Page.setWebLifecycleState", { state: frozen ? "frozen" : "active" });
    },
    async countObjects(prototype) {
      const { result } = await cdp.send("Runtime.evaluate", { expression: prototype });
      await cdp.send("HeapProfiler.collectGarbage");
      const { objects } = await cdp.send("Runtime.queryObjects", { prototypeObjectId: result.objectId! });
      const { result: length } = await cdp.send("Runtime.callFunctionOn", {
        objectId: objects.objectId!,
        functionDeclaration: "function () { return this.length; }",
        returnByValue: true,
      });
      return length.value as number;
    },
  };
  pages.set(tab, { page, cdp });
  return tab;
}

/** The hash by which Chromium identifies a certificate's key. */
function keyHash(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

export const chromiumEngine: Engine = {
  name: "Chromium",
  intranet: "intranet.test",
  takes: ["certificate", "blockThirdParty", "profile", "extension"],
  async launch({ certificate, blockThirdParty, profile: kept, extension } = {}): Promise<Browser> {
    const profile = kept ? { path: kept, remove() {} } : makeProfile();
    const preferences = `${profile.path}/Default/Preferences`;
    if (blockThirdParty !== undefined && !existsSync(preferences)) {
      const settings = {
        cookie_controls_mode: blockThirdParty ? 1 : 0,
        block_third_party_cookies: blockThirdParty,
      };
      mkdirSync(`${profile.path}/Default`, { recursive: true });
      writeFileSync(preferences, JSON.stringify({ profile: settings }));
    }
    const context = await chromium.launchPersistentContext(profile.path, {
      executablePath: chromiumPath,
      args: [
        ...chromiumArgs,
        "--host-resolver-rules=MAP intranet.test 127.0.0.1",
        // Ignoring certificate errors would disable the HTTP cache.
        ...(certificate ? [`--ignore-certificate-errors-spki-list=${keyHash(certificate)}`] : []),
        ...(extension
          ? [`--load-extension=${extension}`, "--disable-features=DisableLoadExtensionCommandLineSwitch"]
          : []),
      ],
      // Playwright disables them.
      ignoreDefaultArgs: ["--disable-back-forward-cache", ...(extension ? ["--disable-extensions"] : [])],
    });
    const cdp = (tab: Tab) => pages.get(tab)!.cdp;
    const open = async (page: Page, url: string) => {
      await page.goto(url);
      return toTab(page);
    };
    return {
      open: async (url) => open(await context.newPage(), url),
      async openPrivate(url) {
        const other = await chromium.launch({ executablePath: chromiumPath, args: chromiumArgs });
        // A context without its own profile is Chromium's incognito mode.
        const page = await (await other.newContext()).newPage();
        const tab = await open(page, url);
        return { ...tab, close: () => other.close() };
      },
      cookies: async () =>
        (await context.cookies()).map(({ name, path, sameSite, secure, expires }) => ({
          name,
          path,
          sameSite,
          secure,
          expires,
        })),
      offline: (offline) => context.setOffline(offline),
      async limitQuota(tab, origin, quotaSize) {
        await cdp(tab).send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
      },
      async clearOrigin(tab, origin) {
        await cdp(tab).send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
      },
      async close() {
        await context.close();
        profile.remove();
      },
    };
  },
};
