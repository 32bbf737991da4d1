import { parseArgs } from "node:util";
import { build, install, installBench, installDemo } from "./run.mjs";

const usage = "Usage: npm run bench -- [--write]";

function readArguments() {
  try {
    return parseArgs({ options: { write: { type: "boolean", default: false } } }).values;
  } catch {
    console.error(usage);
    process.exit(2);
  }
}

const options = readArguments();
await install();
await installBench();
await installDemo();
await build();
const { bench } = await import("../bench/run.mjs");
const missed = (await bench(options)).filter(({ met }) => !met);
console.log(missed.length ? `Not met: ${missed.map(({ goal }) => goal).join("; ")}` : "All goals are met.");
