import { COUNT, PATH, readArguments, SEED } from "./arguments.mjs";
import { install } from "./run.mjs";

const {
  histories = "2000",
  seed,
  path,
} = readArguments("npm run simulate -- [--histories 2000] [--seed 1] [--path 12:0:3]", {
  histories: COUNT,
  seed: SEED,
  path: PATH,
});
await install();
const { simulate } = await import("../test/simulation/run.mjs");
const failure = await simulate({
  histories: Number(histories),
  seed: seed && Number(seed),
  path,
  // A hundred thousand take half an hour.
  onProgress(lived) {
    if (lived % 10_000 === 0) console.log(`${lived} of ${histories}`);
  },
  // Minutes, too.
  onViolation: (violation) => console.log(`${violation}: making the history as short as possible`),
});
if (failure) {
  console.log(failure.history.slice(-80).join("\n"));
  console.log(`\nAgain: npm run simulate -- --histories 1 --seed ${failure.seed} --path ${failure.path}`);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
} else {
  console.log(`${histories} histories, and nothing was violated.`);
}
