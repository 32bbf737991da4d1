import { type ChildProcess, spawn } from "node:child_process";
import { hostname } from "node:os";
import { remote } from "webdriverio";
import { sleep } from "../../support/cube.js";
import { freePort } from "../../support/free-port.mjs";
import type { Browser, Engine, Tab } from "./engine.js";
import { engines } from "./installed.mjs";

const [binary, driverPath, xvfbPath] = engines.WebKit.paths as [string, string, string];

/** Resolves once the driver answers. */
async function answering(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { ok } = await fetch(`http://127.0.0.1:${port}/status`).catch(() => ({ ok: false }));
    if (ok) return;
    await sleep(100);
  }
  throw new Error("WebKitWebDriver does not answer");
}

/** Starts an X server without a screen; resolves to it and its number once it listens. */
function startXvfb(): Promise<[ChildProcess, string]> {
  const child = spawn(xvfbPath, ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`Xvfb exited with code ${code}`)));
    child.stdio[3]?.once("data", (data) => resolve([child, `:${String(data).trim()}`]));
  });
}

/** WebKitGTK's MiniBrowser, over classic WebDriver: one command at a time, each for the current window. */
export const webkitEngine: Engine = {
  name: "WebKit",
  // It cannot map host names, so this uses one that the machine resolves.
  intranet: hostname(),
  // An automated MiniBrowser writes nothing to disk, has no extensions, and rejects cookies of another site's frame.
  takes: ["certificate", "blockThirdParty"],
  async launch({ certificate } = {}): Promise<Browser> {
    const port = await freePort();
    const [xvfb, display] = await startXvfb();
    const driver = spawn(driverPath, [`--port=${port}`], {
      env: { ...process.env, DISPLAY: display, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" },
      stdio: "ignore",
    });
    await answering(port);
    const session = await remote({
      hostname: "127.0.0.1",
      port,
      path: "/",
      logLevel: "silent",
      capabilities: {
        browserName: "MiniBrowser",
        acceptInsecureCerts: certificate !== undefined,
        "wdio:enforceWebDriverClassic": true,
        "webkitgtk:browserOptions": { binary, args: ["--automation"] },
      } as WebdriverIO.Capabilities,
    });

    const base = await session.getWindowHandle();
    let line: Promise<unknown> = Promise.resolve();
    let current = base;
    /** After another window was opened or closed, the driver may lose a window for a moment. */
    const switchTo = async (handle: string) => {
      for (let attempt = 0; current !== handle; attempt++) {
        try {
          await session.switchToWindow(handle);
          current = handle;
        } catch (error) {
          if (attempt > 3) throw error;
          await sleep(100);
          await session.switchToWindow(base);
          current = base;
        }
      }
    };
    /** Runs a command for a window after all earlier commands. */
    const inWindow = <T>(handle: string, command: () => Promise<T>): Promise<T> => {
      const result = line.then(async () => {
        await switchTo(handle);
        return command();
      });
      line = result.catch(() => {});
      return result;
    };

    const toTab = (handle: string): Tab & { handle: string } => ({
      handle,
      goto: (url) => inWindow(handle, () => session.url(url).then(() => {})),
      reload: () => inWindow(handle, () => session.refresh()),
      back: () => inWindow(handle, () => session.back()),
      async run<T>(expression: string) {
        const name = JSON.stringify(`result${Math.random()}`);
        await inWindow(handle, () =>
          session.execute(
            `(async () => (${expression}))().then(
              (value) => { window[${name}] = { value }; },
              (error) => { window[${name}] = { error: String(error) }; },
            );`,
          ),
        );
        // Many tabs take turns: the longer it takes, the less often each polls.
        for (let pause = 10; ; pause = Math.min(1.5 * pause, 500)) {
          const result = await inWindow(handle, () =>
            session.execute<{ value?: T; error?: string } | undefined, []>(`return window[${name}];`),
          );
          if (result?.error) throw new Error(result.error);
          if (result) return result.value as T;
          await sleep(pause);
        }
      },
      runInFrame: <T>(selector: string, expression: string) =>
        inWindow(handle, async () => {
          await session.switchFrame(session.$(selector));
          try {
            return (await session.execute(`return (${expression});`)) as T;
          } finally {
            await session.switchFrame(null);
          }
        }),
      show: () => inWindow(handle, async () => {}),
      close: () =>
        inWindow(handle, async () => {
          await session.closeWindow();
          // The driver cannot switch from a closed window to another.
          await session.switchToWindow(base);
          current = base;
        }),
    });

    return {
      version: session.capabilities.browserVersion ?? "",
      async open(url) {
        for (let attempt = 0; ; attempt++) {
          const created = line.then(async () => {
            // The first window stays open: without a current window, the driver cannot open another.
            await switchTo(base);
            const { handle } = (await session.createWindow("tab")) as unknown as { handle: string };
            return handle;
          });
          line = created.catch(() => {});
          const tab = toTab(await created);
          try {
            await tab.goto(url);
            return tab;
          } catch (error) {
            // Sometimes the driver does not find a window that it has just opened.
            if (attempt > 2) throw error;
          }
        }
      },
      cookies: (tab) =>
        inWindow((tab as Tab & { handle: string }).handle, async () =>
          (await session.getCookies()).map(({ name, path, sameSite, secure, expiry }) => ({
            name,
            path,
            sameSite,
            secure,
            expires: expiry,
          })),
        ),
      async close() {
        await session.deleteSession().catch(() => {});
        driver.kill();
        xvfb.kill();
      },
    };
  },
};
