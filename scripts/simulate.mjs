import { parseArgs } from "node:util";
import { install } from "./run.mjs";

const usage = "Usage: npm run simulate -- [--histories 2000] [--seed 1] [--path 12:0:3]";

function readArguments() {
  try {
    const { values } = parseArgs({
      options: { histories: { type: "string" }, seed: { type: "string" }, path: { type: "string" } },
    });
    const { histories = "2000", seed, path } = values;
    const numbers = [histories, ...(seed === undefined ? [] : [seed])];
    if (!numbers.every((value) => /^-?\d+$/.test(value)) || Number(histories) < 1) throw new Error();
    return { histories: Number(histories), seed: seed === undefined ? undefined : Number(seed), path };
  } catch {
    console.error(usage);
    process.exit(2);
  }
}

const options = readArguments();
await install();
const { simulate } = await import("../test/simulation/run.mjs");
const failure = await simulate(options);
if (failure) {
  console.log(failure.history.slice(-80).join("\n"));
  console.log(`\nAgain: npm run simulate -- --histories 1 --seed ${failure.seed} --path ${failure.path}`);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
} else {
  console.log(`${options.histories} histories, and nothing was violated.`);
}
