import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { readArguments } from "./arguments.mjs";
import { build, install, installDemo, installDocs, installReact18, root, run, runBeside } from "./run.mjs";

const { all } = readArguments("npm test [-- --all]", { all: true });
if (all) process.env.ALL_SCENARIOS = "1";

await Promise.all([install(), installDemo(), installDocs(), installReact18()]);
await build();

const count = { passed: 0, failed: 0 };
/** Listed at the end, because the output is long. */
const failures = [];

/** Runs a check that passes or fails as a whole. */
async function check(title, ...command) {
  console.log(`\n${title}`);
  if ((await run("npx", command)) === 0) return;
  count.failed++;
  failures.push(title);
}

const reportOf = (name) => `${root}/coverage/${name}.json`;

/** The command line for the tests of these projects of vitest.config.ts, with a JSON report. */
function vitest(projects, ...flags) {
  const report = reportOf(projects[0]);
  rmSync(report, { force: true });
  const names = projects.map((name) => `--project=${name}`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile=${report}`];
  return ["vitest", "run", ...names, ...flags, ...reporters];
}

/** Adds the results of a run of these projects. */
function add(projects, code) {
  const report = reportOf(projects[0]);
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    testResults = [],
  } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
  count.passed += numPassedTests;
  // Too little coverage, or an error outside of any test, also counts as a failure.
  count.failed += numFailedTests || Number(code !== 0);
  for (const { name, assertionResults } of testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status !== "failed") continue;
      failures.push(`${relative(root, name)}: ${fullName}\n    ${failureMessages[0]?.split("\n")[0]}`);
    }
  }
  if (code && !numFailedTests) failures.push(`${projects.join(", ")}: no test failed, but see above`);
}

const test = async (projects, ...flags) => add(projects, await run("npx", vitest(projects, ...flags)));

await check("Lint and format", "biome", "check", ".");
await check("Types", "tsc", "--noEmit");
await check("Unused code", "knip", "--no-config-hints");
// These only compute, on a simulated clock: they run at low priority while the others wait for servers and browsers.
// Coverage would only slow them down.
const calculated = ["simulation", "fuzz"];
const beside = runBeside("npx", vitest(calculated, "--maxWorkers=2"));
await test(
  ["unit", "types", "package", "consumers", "cube", "docs", "react-18", "react-19"],
  "--coverage",
  "--maxWorkers=4",
);

rmSync(`${root}/coverage/scenarios`, { recursive: true, force: true });
// They wait half of the time. With more workers they would slow each other down.
await test(["browser"], "--maxWorkers=4");
const { code, output } = await beside;
console.log(output);
add(calculated, code);
printTable();
if (!all) {
  console.log(
    '\nOnly with "npm test -- --all": sessions, frames, twenty tabs and the isolated worker in Firefox and WebKit',
  );
}

const { engines, isInstalled } = await import("../test/browser/engines/installed.mjs");
for (const [name, { packages }] of Object.entries(engines)) {
  if (isInstalled(name)) continue;
  const command = `apt-get install -y --no-install-recommends ${packages}`;
  console.log(`\n${name} is not installed: its tests are skipped. Install it: ${command}`);
  if (!process.env.REQUIRE_BROWSERS) continue;
  count.failed++;
  failures.push(`${name} is not installed`);
}

/** Prints the scenarios and the engines that ran them. */
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
  console.log("–: cannot be expressed with this engine's driver");
}

for (const failure of failures) console.log(`\nFailed: ${failure}`);
console.log(`\n${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed ? 1 : 0;
