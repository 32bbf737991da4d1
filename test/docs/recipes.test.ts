import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { blocks } from "./blocks.js";

describe("the recipes that three browsers run", () => {
  for (const name of ["session.ts", "dashboard.tsx"]) {
    it(`${name}: the README has the code of test/browser/recipes`, () => {
      const recipe = readFileSync(resolve(import.meta.dirname, `../browser/recipes/${name}`), "utf8");
      expect(blocks.map(({ text }) => text)).toContain(recipe);
    });
  }
});
