import { COUNT, readArguments, SEED } from "./arguments.mjs";
import { install, installBench } from "./run.mjs";

const {
  clients = "1000000",
  seed = "1",
  write = false,
} = readArguments("npm run fleet -- [--clients 1000000] [--seed 1] [--write]", {
  clients: COUNT,
  seed: SEED,
  write: true,
});
await install();
await installBench();
const { fleet } = await import("../bench/fleet/run.mjs");
if (!(await fleet({ clients: Number(clients), seed: Number(seed), write }))) process.exitCode = 1;
