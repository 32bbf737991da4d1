import { COUNT, readArguments, SEED } from "./arguments.mjs";
import { install } from "./run.mjs";

const { histories = "2000", seed = "1" } = readArguments(
  "npm run simulate:mutations -- [--histories 2000] [--seed 1]",
  { histories: COUNT, seed: SEED },
);
await install();
const { find } = await import("../test/simulation/find.mjs");
const { mutations } = await import("../test/simulation/mutations.mjs");
let missed = 0;
for (const mutation of mutations) {
  const found = await find(mutation, { histories: Number(histories), seed: Number(seed) });
  if (!found) missed++;
  const where = mutation.scenario ? `the orders of ${mutation.scenario}` : `${histories} histories`;
  console.log(`${mutation.title}: ${found ?? `NOT FOUND in ${where}`}`);
}
console.log(`\n${mutations.length - missed} found, ${missed} not found`);
process.exitCode = missed ? 1 : 0;
