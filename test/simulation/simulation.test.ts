import { describe, expect, it } from "vitest";
import { mutations } from "./mutations.mjs";
import { simulate } from "./run.mjs";

describe("simulated tabs and machines", () => {
  it("violate nothing in 2,000 histories", async () => {
    const failure = await simulate({ histories: 2000, seed: 1 });
    expect(failure && `${failure.violation}\n${failure.history.slice(-40).join("\n")}`).toBeUndefined();
  });

  it.each(mutations)("find: $title", async ({ edits }) => {
    const failure = await simulate({ histories: 2000, seed: 1, edits, shrink: false });
    expect(failure?.violation).toBeTruthy();
  });
});
