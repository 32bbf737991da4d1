/** Takes the README's screenshots: the demo in Chromium, light and dark. Run "npm run build" first. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { launchChromium } from "../test/support/chromium.mjs";
import { installDemo, root } from "./run.mjs";

/** Long enough for the chart, a refresh, and a few lines in the log. */
const SHOW = 15_000;

await installDemo();
const demo = spawn("node", ["demo/server.mjs"], {
  cwd: root,
  env: { ...process.env, PORT: "0" },
  stdio: ["ignore", "pipe", "inherit"],
});
const url = await new Promise((resolve, reject) => {
  let output = "";
  demo.stdout.on("data", (chunk) => {
    output += chunk;
    const found = /http:\/\/localhost:\d+/.exec(output);
    if (found) resolve(found[0]);
  });
  demo.once("exit", (code) => reject(new Error(`The demo exited with code ${code}.`)));
});

const browser = await launchChromium();
try {
  const shoot = async (colorScheme) => {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1200, height: 850 } });
    await page.goto(url);
    await page.click('[data-user="ada"]');
    await page.waitForTimeout(SHOW);
    await page.screenshot({ path: `${root}/docs/demo-${colorScheme}.png` });
    await page.close();
  };
  await Promise.all(["light", "dark"].map(shoot));
} finally {
  await browser.close();
  demo.kill("SIGINT");
  await once(demo, "exit");
}
console.log("Wrote docs/demo-light.png and docs/demo-dark.png.");
