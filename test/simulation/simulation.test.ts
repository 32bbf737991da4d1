import { describe, expect, it } from "vitest";
import { simulate } from "./run.mjs";

describe("simulated tabs and machines", () => {
  it("violate nothing in 2,000 histories", async () => {
    const failure = await simulate({ histories: 2000, seed: 1 });
    expect(failure && `${failure.violation}\n${failure.history.slice(-40).join("\n")}`).toBeUndefined();
  });
});
