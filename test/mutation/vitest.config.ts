import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Stryker cannot use these: they read the sources as written, or the built package. */
const NOT_MUTATED = ["architecture", "node"];
/** These need a worker of their own or test other parts; the last three are too slow to run for each mutant. */
const LEFT_OUT = [
  ...["async-storage", "devtools", "frames", "isolated*", "websocket*", "wrapped-twice", "wrapper"],
  ...["clock-table", "clocks", "refusals"],
];
/** The slowest come last: a mutant is done at the first failure. */
const LAST = /\/(redirects|redirects-node|cookies|calls|wake|lifecycle|tabs)\.test\.ts$/;

class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      LAST.test(moduleId) ? 2 : moduleId.includes("/decisions/") ? 0 : 1;
    return [...files].sort((a, b) => rank(a) - rank(b));
  }
}

/** The quick unit tests, for Stryker: killing a mutant must not require a browser. */
export default defineConfig({
  test: {
    include: ["test/unit/**/*.test.ts"],
    exclude: [`test/unit/{${[...NOT_MUTATED, ...LEFT_OUT]}}.test.ts`],
    environment: "happy-dom",
    setupFiles: ["test/mutation/fresh-page.ts", "test/support/setup.ts"],
    // One page for all: setting one up takes longer than most files run.
    isolate: false,
    // The cost of a mutant that makes a test hang.
    testTimeout: 4000,
    sequence: { sequencer: QuickFirst },
  },
});
