/** Runs the scenario of test/runtimes/ in every runtime and records the results. */
import { readArguments } from "./arguments.mjs";
import { build, install } from "./run.mjs";

await install();
const { runtimes } = await import("../test/runtimes/list.mjs");
const names = Object.keys(runtimes);
const usage = `npm run runtimes [-- --only NAME[,NAME]]\nNames: ${names.join(", ")}`;
const isName = { test: (value) => value.split(",").every((name) => names.includes(name)) };
const { only } = readArguments(usage, { only: isName });
const chosen = only ? only.split(",") : names;

await build();

const { startServer } = await import("../test/runtimes/server.mjs");
const { writeRows } = await import("../test/support/compatibility.mjs");
const { list } = await import("../test/consumers/run.mjs");

const server = await startServer();
const rows = new Map();
let failed = 0;
for (const name of chosen) {
  const { title, packages } = runtimes[name];
  let seen;
  try {
    seen = await runtimes[name].test({ url: server.url, run: `${name}-${Date.now()}` });
    console.log(`ok      ${title}${seen && `: ${seen}`}`);
  } catch (error) {
    failed++;
    seen = "**does not work**";
    console.error(`FAILED  ${title}\n${error.stack}\n`);
  }
  rows.set(title, [list(Object.entries(packages)) || "–", seen || "–"]);
}
server.close();
const titles = names.map((name) => runtimes[name].title);
writeRows("runtimes", ["", "from npm", "in addition to the scenario"], titles, rows);
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
