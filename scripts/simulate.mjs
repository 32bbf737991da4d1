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
  // 100,000 histories take half an hour.
  onProgress(lived) {
    if (lived % 10_000 === 0) console.log(`${lived} of ${histories}`);
  },
  // Shrinking takes minutes, too.
  onViolation: (violation) => console.log(`${violation}: shrinking the history`),
});
if (failure) {
  console.log(failure.history.slice(-80).join("\n"));
  console.log(`\nReplay: npm run simulate -- --histories 1 --seed ${failure.seed} --path ${failure.path}`);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
} else {
  console.log(`${histories} histories, no violations.`);
}
