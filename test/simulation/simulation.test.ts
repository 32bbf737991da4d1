import { describe, expect, it } from "vitest";
import { simulate } from "./run.mjs";

describe("simulated tabs and machines", () => {
  it("violate nothing in 2,000 histories", async () => {
    const failure = await simulate({ histories: 2000, seed: 1 });
    expect(failure && `${failure.violation}\n${failure.history.slice(-40).join("\n")}`).toBeUndefined();
  });

  /** Each of these breaks the code; what it breaks must be found. */
  it.each([
    [
      "an answer may have lain there while the machine slept",
      "source.ts",
      "return late ? attempt() : resolve(answer);",
      "return resolve(answer);",
    ],
    ["a lock is never let go", "tabs.ts", "await this.#settle();", "await new Promise(() => {});"],
  ])("find it when %s", async (_, file, from, to) => {
    const failure = await simulate({ histories: 2000, seed: 1, mutation: { file, from, to }, shrink: false });
    expect(failure?.violation).toBeTruthy();
  });
});
