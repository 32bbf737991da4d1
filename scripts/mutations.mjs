import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { reasonFor } from "../test/mutation/reasons.mjs";
import { root } from "./run.mjs";

const report = `${root}/coverage/mutation.json`;
if (!existsSync(report)) {
  console.error('There is no report yet: "npm run test:mutation" first.');
  process.exit(2);
}

const KILLED = ["Killed", "Timeout"];
const { files } = JSON.parse(readFileSync(report, "utf8"));
const rows = [];
const survivors = [];
let [killed, all] = [0, 0];
for (const [file, { source, mutants }] of Object.entries(files).toSorted()) {
  const lines = source.split("\n");
  // Static ones would need every test for each: Stryker leaves them out, and so do we.
  const counted = mutants.filter(({ status }) => status !== "Ignored");
  const dead = counted.filter(({ status }) => KILLED.includes(status)).length;
  killed += dead;
  all += counted.length;
  rows.push([file, dead, counted.length]);
  for (const { status, location, mutatorName, replacement = "" } of counted) {
    if (KILLED.includes(status)) continue;
    const { start, end } = location;
    const before =
      start.line === end.line
        ? lines[start.line - 1].slice(start.column - 1, end.column - 1)
        : lines[start.line - 1].slice(start.column - 1).trim();
    const line = lines[start.line - 1].trim();
    survivors.push({ file, line: start.line, text: line, before, replacement, mutatorName });
  }
}

const code = (text) =>
  `\`${text.replaceAll("\n", " ").replace(/\s+/g, " ").replaceAll("|", "\\|").slice(0, 90)}\``;
const share = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;
const groups = new Map();
for (const each of survivors) {
  const reason = reasonFor(each);
  groups.set(reason, [...(groups.get(reason) ?? []), each]);
}

const page = `# What the unit tests would not notice

<!-- Made by "npm run mutations" from the report of "npm run test:mutation". -->

[Stryker](https://stryker-mutator.io) changes the code in ${all.toLocaleString("en")} places, one at a time, and runs the unit tests:
**${share(killed, all)}** of the changes fail one. What survives is listed below with the reason. The other tests (a real Cube server, three browsers,
the simulation, fuzzing) are not asked here, and notice many of these.

| file | noticed | changes | share |
|---|--:|--:|--:|
${rows.map(([file, dead, total]) => `| \`${file}\` | ${dead} | ${total} | ${share(dead, total)} |`).join("\n")}

## What survives, and why

${[...groups]
  .toSorted(([, a], [, b]) => b.length - a.length)
  .map(
    ([reason, list]) =>
      `### ${reason}\n\n${list
        .map(
          ({ file, line, before, replacement }) =>
            `- \`${file}:${line}\` ${code(before)} → ${code(replacement || "(nothing)")}`,
        )
        .join("\n")}`,
  )
  .join("\n\n")}
`;
writeFileSync(`${root}/docs/mutations.md`, page);
console.log(`${killed} of ${all} noticed: ${share(killed, all)}`);
