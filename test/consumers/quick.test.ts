import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, it } from "vitest";
import { isInstalled } from "../browser/engines/installed.mjs";
import { readRows } from "../support/compatibility.mjs";
import { consumers } from "./list.mjs";
import { consume, versionsOf } from "./run.mjs";
import { closeAll } from "./site.mjs";

afterAll(closeAll);

const all = Object.entries(consumers);

describe("the packed package", () => {
  for (const [name, { title, quick, browser }] of all) {
    if (!quick) continue;
    it.skipIf(browser && !isInstalled("Chromium"))(`works with ${title}`, async () => {
      await consume(name);
    });
  }
});

describe("docs/compatibility.md", () => {
  it("has a row for every consumer, with the tested versions", () => {
    // Outdated? "npm run consumers" renews it.
    const rows = readRows("consumers");
    expect([...rows.keys()]).toEqual(all.map(([, { title }]) => title));
    for (const [, consumer] of all) {
      const [versions, seen] = rows.get(consumer.title)!;
      expect(versions).toBe(versionsOf(consumer));
      expect(seen).not.toContain("does not work");
    }
  });
});

describe.each(["consumers", "runtimes", "cube-versions"])("npm run %s", (command) => {
  it.each([["--only"], ["--only=nothing"], ["--only="], ["--all"], ["node"]])(
    "prints its usage, and exits with 2: %s",
    (argument) => {
      const { status, stderr } = spawnSync("node", [`scripts/${command}.mjs`, argument], {
        encoding: "utf8",
      });
      expect(stderr).toContain(`Usage: npm run ${command} [-- --only `);
      expect(status).toBe(2);
    },
  );
});
