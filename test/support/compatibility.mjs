/** `docs/compatibility.md`: tables whose rows are written by the runs. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { root } from "../../scripts/run.mjs";

const path = `${root}/docs/compatibility.md`;
const mark = (table) => [`<!-- ${table} -->\n`, `<!-- /${table} -->`];

/** The rows of a table in the page, by their first cell. */
export function readRows(table) {
  const [from, to] = mark(table);
  const [, block = ""] = (existsSync(path) ? readFileSync(path, "utf8") : "").split(from);
  const lines = block.split(to)[0].trim().split("\n").slice(2);
  const cells = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return new Map(cells.filter(([name]) => name).map(([name, ...rest]) => [name, rest]));
}

/**
 * Writes rows into a table of the page; rows that have not run stay if they are still listed.
 *
 * @param {string} table
 * @param {string[]} head
 * @param {string[]} order the first cells of all rows, in order.
 * @param {Map<string, string[]>} rows
 */
export function writeRows(table, head, order, rows) {
  const before = readRows(table);
  const all = order.flatMap((name) => {
    const cells = rows.get(name) ?? before.get(name);
    return cells ? [[name, ...cells]] : [];
  });
  const line = (cells) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  const text = [line(head), line(head.map(() => "---")), ...all.map(line)].join("\n");
  const page = readFileSync(path, "utf8");
  const [from, to] = mark(table);
  const [start, rest] = page.split(from);
  if (rest === undefined) throw new Error(`docs/compatibility.md has no table "${table}".`);
  writeFileSync(path, `${start}${from}${text}\n${to}${rest.split(to)[1]}`);
}
