import { describe, expect, it } from "vitest";
import { simulate } from "./run.mjs";

describe("simulated tabs and machines", () => {
  it("violate nothing in 500 histories", async () => {
    const failure = await simulate({ histories: 500, seed: 1 });
    expect(failure && `${failure.violation}\n${failure.history.slice(-40).join("\n")}`).toBeUndefined();
  });
});
