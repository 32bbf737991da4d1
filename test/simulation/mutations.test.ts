import { describe, expect, it } from "vitest";
import { applyEdit, buildRealm, buildScript } from "./build.mjs";
import { find } from "./find.mjs";
import { mutations } from "./mutations.mjs";

// Slow ones are left to "npm run simulate:mutations". With this seed, the others are found early.
it.each(mutations.filter(({ slow }) => !slow))("is found: $title", async (mutation) => {
  expect(await find(mutation, { histories: 2000, seed: 2 })).toBeTruthy();
});

it.each(mutations.filter(({ slow }) => slow))("fits the sources: $title", async ({ edits }) => {
  expect(await buildScript(edits)).toBeTruthy();
});

describe("a fault that no longer fits the sources is refused", () => {
  const edit = { file: "manager.ts", from: "const HOT", to: "const COLD" };

  it("if its text is missing", async () => {
    await expect(buildRealm([{ ...edit, from: "const TEPID" }])).rejects.toThrow("0 times, not once");
  });

  it("if its text occurs twice", () => {
    expect(() => applyEdit("const HOT = 1, COLD = 2; const HOT = 3;", edit)).toThrow("2 times, not once");
  });

  it("if its file is missing or not part of the package", async () => {
    await expect(buildRealm([{ ...edit, file: "gone.ts" }])).rejects.toThrow("gone.ts");
    const other = { file: "cube/index.ts", to: "export const CALL" };
    await expect(buildScript([{ ...other, from: "const CALL" }])).rejects.toThrow("no part of the package");
  });
});
