/** Installs the package into the projects of test/consumers/, runs their tests and records the results. */
import { readArguments } from "./arguments.mjs";
import { build, install, installDemo } from "./run.mjs";

const { consumers } = await import("../test/consumers/list.mjs");
const names = Object.keys(consumers);
const usage = `npm run consumers [-- --only NAME[,NAME]]\nNames: ${names.join(", ")}`;
const isName = { test: (value) => value.split(",").every((name) => names.includes(name)) };
const { only } = readArguments(usage, { only: isName });
const chosen = only ? only.split(",") : names;

await Promise.all([install(), installDemo()]);
await build();

const { consume, head, versionsOf } = await import("../test/consumers/run.mjs");
const { closeAll } = await import("../test/consumers/site.mjs");
const { writeRows } = await import("../test/support/compatibility.mjs");

const rows = new Map();
let failed = 0;
for (const name of chosen) {
  const { title } = consumers[name];
  const startedAt = Date.now();
  let seen;
  try {
    seen = await consume(name);
    console.log(`ok      ${title}: ${seen} (${Math.round((Date.now() - startedAt) / 1000)} s)`);
  } catch (error) {
    failed++;
    seen = "**does not work**";
    console.error(`FAILED  ${title}\n${error.message}\n`);
  }
  rows.set(title, [versionsOf(consumers[name]), seen]);
}
await closeAll();
const titles = names.map((name) => consumers[name].title);
writeRows("consumers", head, titles, rows);
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
