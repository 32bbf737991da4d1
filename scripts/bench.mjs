import { readArguments } from "./arguments.mjs";
import { build, install, installBench, installDemo } from "./run.mjs";

const options = readArguments("npm run bench -- [--write]", { write: true });
await Promise.all([install(), installBench(), installDemo()]);
await build();
const { bench } = await import("../bench/run.mjs");
const missed = (await bench(options)).filter(({ met }) => !met);
console.log(missed.length ? `Not met: ${missed.map(({ goal }) => goal).join("; ")}` : "All goals are met.");
