import { chromium } from "playwright-core";

/** The path of Debian's package; CHROMIUM sets another. */
export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const chromiumArgs = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** @returns {Promise<import("playwright-core").Browser>} */
export const launchChromium = () => chromium.launch({ executablePath: chromiumPath, args: chromiumArgs });
