import { existsSync, readFileSync, rmSync } from "node:fs";
import { build, install, installDemo, installReact18, root, run } from "./run.mjs";

await install();
await build();
await installDemo();
await installReact18();

const count = { passed: 0, failed: 0 };

/** A check that passes or fails as a whole. */
async function check(title, ...command) {
  console.log(`\n${title}`);
  if ((await run("npx", command)) === 0) return;
  count.failed++;
  console.log(`${title}: failed`);
}

/** Tests of these projects of vitest.config.ts. */
async function test(projects, ...flags) {
  const report = `${root}/coverage/tests.json`;
  rmSync(report, { force: true });
  const args = ["vitest", "run", ...projects.map((name) => `--project=${name}`), ...flags];
  const code = await run("npx", [...args, "--reporter=default", "--reporter=json", `--outputFile=${report}`]);
  const { numPassedTests = 0, numFailedTests = 0 } = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8"))
    : {};
  count.passed += numPassedTests;
  // Too little coverage, or an error outside of any test, is a failure as well.
  count.failed += numFailedTests || Number(code !== 0);
}

await check("Lint and format", "biome", "check", ".");
await check("Types", "tsc", "--noEmit");
await test(["unit", "types", "package", "cube", "react-18", "react-19"], "--coverage");

const { chromiumPath, hasChromium } = await import("../test/support/chromium.mjs");
if (hasChromium) {
  await test(["browser"]);
} else {
  const command = "apt-get install -y --no-install-recommends chromium";
  console.log(`\nNo Chromium at ${chromiumPath}: its tests are left out. Install one: ${command}`);
  if (process.env.REQUIRE_BROWSERS) count.failed++;
}

console.log(`\n${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed ? 1 : 0;
