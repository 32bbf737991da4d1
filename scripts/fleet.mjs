import { parseArgs } from "node:util";
import { install, installBench } from "./run.mjs";

const usage = "Usage: npm run fleet -- [--clients 1000000] [--seed 1] [--write]";

function readArguments() {
  try {
    const { values } = parseArgs({
      options: { clients: { type: "string" }, seed: { type: "string" }, write: { type: "boolean" } },
    });
    const { clients = "1000000", seed = "1", write = false } = values;
    if (![clients, seed].every((value) => /^\d+$/.test(value)) || Number(clients) < 1) throw new Error();
    return { clients: Number(clients), seed: Number(seed), write };
  } catch {
    console.error(usage);
    process.exit(2);
  }
}

const options = readArguments();
await install();
await installBench();
const { fleet } = await import("../bench/fleet/run.mjs");
if (!(await fleet(options))) process.exitCode = 1;
