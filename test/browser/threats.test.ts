import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chromiumEngine } from "./engines/chromium.js";
import { isInstalled } from "./engines/installed.mjs";
import { type Attack, attacks } from "./threats/attacks.js";
import { type Results, renderPage } from "./threats/page.js";
import { runThreats } from "./threats/run.js";
import { type Way, ways } from "./threats/ways.js";

const results: Results = JSON.parse(readFileSync("test/browser/threats/results.json", "utf8"));

/**
 * The attacks to repeat here: all on what this package itself provides, those that distinguish the storages, and of the
 * control those that get nothing elsewhere. `npm run threats` repeats them all, which takes minutes.
 */
const AGAIN: Record<string, readonly string[] | undefined> = {
  session: ["once", "neighbour"],
  local: ["once", "neighbour", "cleared"],
  indexeddb: ["once", "neighbour", "cleared"],
  cookie: ["once", "port", "subdomain", "sent", "cleared", "tossed", "prefixed"],
  partitioned: ["once", "neighbour", "sent", "around", "cleared"],
  careless: ["tracker", "subdomain", "cache", "widget"],
};
const isQuick = ({ id, stage }: Attack, way: Way) =>
  stage !== "disk" && stage !== "extension" && (AGAIN[way.id]?.includes(id) ?? true);

// Outdated? "npm run threats -- --write" repeats the attacks and renews the page.
describe("docs/threats.md", () => {
  it("is rendered from the measurements, with every attack, way and engine", () => {
    expect(readFileSync("docs/threats.md", "utf8")).toBe(renderPage(results));
    expect(Object.keys(results.engines).sort()).toEqual(["Chromium", "Firefox", "WebKit"]);
    for (const { cells } of Object.values(results.engines)) {
      expect(Object.keys(cells)).toEqual(attacks.map(({ id }) => id));
      for (const row of Object.values(cells)) expect(Object.keys(row)).toEqual(ways.map(({ id }) => id));
    }
  });

  it.skipIf(!isInstalled("Chromium"))(
    "has the outcomes of the attacks in Chromium",
    { timeout: 120_000, retry: 1 },
    async () => {
      const { cells } = await runThreats(chromiumEngine, isQuick);
      const expected = Object.fromEntries(
        attacks.map((attack) => {
          const row = ways.filter((way) => isQuick(attack, way));
          return [
            attack.id,
            Object.fromEntries(row.map(({ id }) => [id, results.engines.Chromium!.cells[attack.id]![id]])),
          ];
        }),
      );
      expect(cells).toEqual(expected);
    },
  );
});
