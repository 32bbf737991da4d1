import { COUNT, readArguments } from "./arguments.mjs";
import { install } from "./run.mjs";

const CHOICES = /^\d+(\.\d+)*$/;
const NAME = /^[a-z-]+$/;
const usage =
  "npm run explore -- [--depth 3] [--orders 200000] [--scenario NAME [--replay 0.2.1]]\n\nRuns the orders that deviate from the usual one in at most --depth places; by default all orders.";
const given = readArguments(usage, { depth: COUNT, orders: COUNT, scenario: NAME, replay: CHOICES });
const { scenarios } = await import("../test/simulation/scenarios.mjs");
if (given.scenario ? !Object.hasOwn(scenarios, given.scenario) : given.replay) {
  console.error(`Usage: ${usage}\n\nScenarios: ${Object.keys(scenarios).join(", ")}`);
  process.exit(2);
}
await install();
const { buildRealm } = await import("../test/simulation/build.mjs");
const { explore, replay } = await import("../test/simulation/orders.mjs");
const realm = await buildRealm();
const show = (name, { violation, steps }) =>
  console.log(`${name}\n${steps.join("\n")}\n${violation ? `VIOLATION: ${violation}` : "No violations."}`);

if (given.replay) {
  const lived = await replay(realm, scenarios[given.scenario], given.replay).catch((error) => {
    if (!(error instanceof RangeError)) throw error;
    console.error(`Usage: ${usage}\n\n${given.scenario} has no order ${given.replay}: ${error.message}.`);
    process.exit(2);
  });
  show(given.scenario, lived);
  process.exit(lived.violation ? 1 : 0);
}
const names = given.scenario ? [given.scenario] : Object.keys(scenarios);
const depth = given.depth ? Number(given.depth) : Infinity;
let most = given.orders ? Number(given.orders) : Infinity;
let all = 0;
for (const [index, name] of names.entries()) {
  // The other scenarios get what one leaves of its share.
  const share = Math.ceil(most / (names.length - index));
  const result = await explore({ realm, scenario: scenarios[name], depth, most: share });
  const { orders, isComplete, violation, path } = result;
  all += orders;
  most -= orders;
  console.log(`${name}: ${orders} orders${isComplete ? " (all of them)" : ""}`);
  if (!violation) continue;
  show(name, result);
  console.log(`\nReplay: npm run explore -- --scenario ${name} --replay ${path || 0}`);
  process.exit(1);
}
console.log(`\n${all} orders, no violations.`);
