import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { build, install, installDemo, installDocs, installReact18, root, run } from "./run.mjs";

await Promise.all([install(), installDemo(), installDocs(), installReact18()]);
await build();

const count = { passed: 0, failed: 0 };
/** What to look for in a long output. */
const failures = [];

/** A check that passes or fails as a whole. */
async function check(title, ...command) {
  console.log(`\n${title}`);
  if ((await run("npx", command)) === 0) return;
  count.failed++;
  failures.push(title);
}

/** Tests of these projects of vitest.config.ts. */
async function test(projects, ...flags) {
  const report = `${root}/coverage/tests.json`;
  rmSync(report, { force: true });
  const args = ["vitest", "run", ...projects.map((name) => `--project=${name}`), ...flags];
  const code = await run("npx", [...args, "--reporter=default", "--reporter=json", `--outputFile=${report}`]);
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    testResults = [],
  } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
  count.passed += numPassedTests;
  // Too little coverage, or an error outside of any test, is a failure as well.
  count.failed += numFailedTests || Number(code !== 0);
  for (const { name, assertionResults } of testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status !== "failed") continue;
      failures.push(`${relative(root, name)}: ${fullName}\n    ${failureMessages[0]?.split("\n")[0]}`);
    }
  }
  if (code && !numFailedTests) failures.push(`${projects.join(", ")}: no test failed, but see above`);
}

await check("Lint and format", "biome", "check", ".");
await check("Types", "tsc", "--noEmit");
await check("What nobody uses", "knip", "--no-config-hints");
await test(
  ["unit", "types", "package", "consumers", "cube", "docs", "react-18", "react-19"],
  "--coverage",
  "--maxWorkers=3",
);
// Counting what is covered would only slow these down.
await test(["simulation", "fuzz"], "--maxWorkers=3");

rmSync(`${root}/coverage/scenarios`, { recursive: true, force: true });
// More of them at once only take one another's time, and what waits for a slow page asks again and again.
await test(["browser"], "--maxWorkers=3");
printTable();

const { engines, isInstalled } = await import("../test/browser/engines/installed.mjs");
for (const [name, { packages }] of Object.entries(engines)) {
  if (isInstalled(name)) continue;
  const command = `apt-get install -y --no-install-recommends ${packages}`;
  console.log(`\nNo ${name} here: its tests are left out. Install it: ${command}`);
  if (!process.env.REQUIRE_BROWSERS) continue;
  count.failed++;
  failures.push(`${name} is not installed`);
}

/** The scenarios by the engines that ran them. */
function printTable() {
  const folder = `${root}/coverage/scenarios`;
  if (!existsSync(folder)) return;
  const columns = readdirSync(folder);
  const rows = columns.map((name) => {
    const files = readdirSync(`${folder}/${name}`);
    const parts = files.map((file) => JSON.parse(readFileSync(`${folder}/${name}/${file}`, "utf8")));
    return Object.assign({}, ...parts);
  });
  const scenarios = [...new Set(rows.flatMap(Object.keys))];
  const width = Math.max(...scenarios.map(({ length }) => length));
  console.log(`\n${"Scenario".padEnd(width)}  ${columns.join("  ")}`);
  for (const scenario of scenarios) {
    const cells = rows.map((row, index) =>
      (row[scenario] ?? "").replace("cannot be expressed", "–").padEnd(columns[index].length),
    );
    console.log(`${scenario.padEnd(width)}  ${cells.join("  ")}`);
  }
  console.log("–: this engine, as it is driven here, cannot express it");
}

for (const failure of failures) console.log(`\nFailed: ${failure}`);
console.log(`\n${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed ? 1 : 0;
