import { COUNT, readArguments, SEED } from "./arguments.mjs";
import { install } from "./run.mjs";

const { histories = "2000", seed = "1" } = readArguments(
  "npm run simulate:mutations -- [--histories 2000] [--seed 1]",
  { histories: COUNT, seed: SEED },
);
await install();
const { simulate } = await import("../test/simulation/run.mjs");
const { mutations } = await import("../test/simulation/mutations.mjs");
let missed = 0;
for (const { title, edits } of mutations) {
  const failure = await simulate({
    histories: Number(histories),
    seed: Number(seed),
    edits,
    shrink: false,
  });
  if (!failure) missed++;
  // The path of a failure begins with the number of its history.
  const found = failure && `in history ${Number.parseInt(failure.path, 10) + 1}: ${failure.violation}`;
  console.log(`${title}: ${found ?? `NOT FOUND in ${histories} histories`}`);
}
console.log(`\n${mutations.length - missed} found, ${missed} not found`);
process.exitCode = missed ? 1 : 0;
