import { parseArgs } from "node:util";
import { install } from "./run.mjs";

const usage = "Usage: npm run simulate:mutations -- [--histories 2000] [--seed 1]";

function readArguments() {
  try {
    const { values } = parseArgs({ options: { histories: { type: "string" }, seed: { type: "string" } } });
    const { histories = "2000", seed = "1" } = values;
    if (![histories, seed].every((value) => /^\d+$/.test(value)) || Number(histories) < 1) throw new Error();
    return { histories: Number(histories), seed: Number(seed) };
  } catch {
    console.error(usage);
    process.exit(2);
  }
}

const options = readArguments();
await install();
const { simulate } = await import("../test/simulation/run.mjs");
const { mutations } = await import("../test/simulation/mutations.mjs");
let missed = 0;
for (const { title, edits } of mutations) {
  const failure = await simulate({ ...options, edits, shrink: false });
  if (!failure) missed++;
  // The path of a failure begins with the number of its history.
  const found = failure && `in history ${Number.parseInt(failure.path, 10) + 1}: ${failure.violation}`;
  console.log(`${title}: ${found ?? `NOT FOUND in ${options.histories} histories`}`);
}
console.log(`\n${mutations.length - missed} found, ${missed} not found`);
process.exitCode = missed ? 1 : 0;
