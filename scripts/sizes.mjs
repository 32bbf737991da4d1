/** Updates the sizes in docs/size.md and in the README's badges: "npm run sizes -- --write" after "npm run build". */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { readArguments } from "./arguments.mjs";
import { root } from "./run.mjs";

const kB = (size) => Math.max(0.1, size / 1000).toFixed(1);
const TABLE = /(<!-- sizes -->\n)[\s\S]*(<!-- \/sizes -->)/;

/**
 * Returns the pages that show sizes, with the current ones.
 *
 * @param {{ name: string, size: number }[]} sizes as measured by size-limit; the first two are in the badges.
 * @param {(page: string) => string} read
 * @returns {Record<string, string>}
 */
export function sizeTable(sizes, read) {
  const code = (name) => name.replace(/[\w@./-]*(Manager|Api|Token|cube-token-manager[\w./-]*)\b/g, "`$&`");
  const rows = sizes.map(({ name, size }) => `| ${code(name.replaceAll("`", ""))} | ${kB(size)} kB |\n`);
  const table = `| import | minified and brotli |\n|---|--:|\n${rows.join("")}`;
  let readme = read("README.md");
  for (const [index, name, alt] of [
    [0, "endpoint_%2B_memory", "an endpoint and memory"],
    [1, "everything", "everything"],
  ]) {
    readme = readme
      .replace(new RegExp(`${name}-[\\d.]+_kB`), `${name}-${kB(sizes[index].size)}_kB`)
      .replace(new RegExp(`[\\d.]+ kB brotli with ${alt}`), `${kB(sizes[index].size)} kB brotli with ${alt}`);
  }
  return {
    "README.md": readme,
    "docs/size.md": read("docs/size.md").replace(TABLE, (_, begin, end) => begin + table + end),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { write } = readArguments("npm run sizes [-- --write]", { write: true });
  // It fails if a limit is exceeded, but still prints the sizes.
  const { stdout } = spawnSync("npx", ["size-limit", "--json"], {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const read = (page) => readFileSync(`${root}/${page}`, "utf8");
  for (const [page, text] of Object.entries(sizeTable(JSON.parse(stdout), read))) {
    if (text === read(page)) continue;
    if (write) writeFileSync(`${root}/${page}`, text);
    else {
      console.error(`The sizes in ${page} are out of date. Run: npm run sizes -- --write`);
      process.exitCode = 1;
    }
  }
}
