import { expect, it } from "vitest";
import { buildScript } from "./build.mjs";
import { mutations } from "./mutations.mjs";
import { simulate } from "./run.mjs";

// Those that take long to find are left to "npm run simulate:mutations". With this seed the others are found early.
it.each(mutations.filter(({ slow }) => !slow))("the simulation finds: $title", async ({ edits }) => {
  const failure = await simulate({ histories: 2000, seed: 2, edits, shrink: false });
  expect(failure?.violation).toBeTruthy();
});

it.each(mutations)("fits the sources: $title", async ({ edits }) => {
  expect(await buildScript(edits)).toBeTruthy();
});
