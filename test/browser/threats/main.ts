import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { chromiumEngine } from "../engines/chromium.js";
import type { Engine } from "../engines/engine.js";
import { firefoxEngine } from "../engines/firefox.js";
import { webkitEngine } from "../engines/webkit.js";
import { attacks } from "./attacks.js";
import { type Results, renderPage } from "./page.js";
import { runThreats } from "./run.js";
import { ways } from "./ways.js";

const engines: Record<string, Engine> = {
  Chromium: chromiumEngine,
  Firefox: firefoxEngine,
  WebKit: webkitEngine,
};

const resultsFile = `${import.meta.dirname}/results.json`;
const pageFile = `${import.meta.dirname}/../../../docs/threats.md`;

/** Runs the attacks in these engines and compares the outcomes with the page, or renews it. */
export async function main(names: string[], write: boolean): Promise<boolean> {
  const results: Results = existsSync(resultsFile)
    ? JSON.parse(readFileSync(resultsFile, "utf8"))
    : { date: "", engines: {} };
  let same = true;
  // Cube runs in a process that keeps no other one alive.
  setInterval(() => {}, 1000);
  // Pending driver commands when its browser was closed.
  process.on("unhandledRejection", (error: Error) => {
    if (error?.name !== "TargetCloseError") throw error;
  });
  for (const name of names) {
    console.log(`\n${name}`);
    const begun = Date.now();
    const measured = await runThreats(engines[name]!);
    const width = Math.max(...attacks.map(({ id }) => id.length));
    console.log(`${"".padEnd(width)}  ${ways.map(({ id }) => id.padEnd(11)).join("  ")}`);
    for (const { id } of attacks) {
      const cells = ways.map((way) => {
        const outcome = measured.cells[id]![way.id]!;
        const isSame = results.engines[name]?.cells[id]?.[way.id] === outcome;
        same &&= isSame;
        return (outcome + (isSame ? "" : " (new)")).padEnd(11);
      });
      console.log(`${id.padEnd(width)}  ${cells.join("  ")}`);
    }
    for (const note of measured.notes) console.log(`-: ${note}`);
    console.log(`${Math.round((Date.now() - begun) / 1000)} s`);
    results.engines[name] = measured;
  }
  if (write) {
    results.date = new Date().toISOString().slice(0, 10);
    writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`);
    writeFileSync(pageFile, renderPage(results));
    console.log("\ndocs/threats.md is written.");
  } else {
    console.log(
      same ? "\nSame as docs/threats.md." : "\nDifferent from docs/threats.md: npm run threats -- --write",
    );
  }
  return same || write;
}
