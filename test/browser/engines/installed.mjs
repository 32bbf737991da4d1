import { existsSync } from "node:fs";
import { chromiumPath } from "../../support/chromium.mjs";

/** The engines of the scenarios, their paths on Debian, and its packages. */
export const engines = {
  Chromium: { packages: "chromium", paths: [chromiumPath] },
  Firefox: { packages: "firefox-esr", paths: [process.env.FIREFOX ?? "/usr/bin/firefox-esr"] },
  WebKit: {
    packages: "webkit2gtk-driver xvfb",
    paths: [
      "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
      "/usr/bin/WebKitWebDriver",
      "/usr/bin/Xvfb",
    ],
  },
};

/** @param {keyof typeof engines} name */
export const isInstalled = (name) => engines[name].paths.every((path) => existsSync(path));
