import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The repository's address, defined only here. */
const HOME = "github.com/cube-token-manager/cube-token-manager";

/** The import paths and their modules in `src/`. A new entry needs only a line here: `npm run build` writes the rest. */
const imports = {
  ".": "index",
  "./cube": "cube/index",
  "./react": "react/index",
  "./frames": "frames/index",
  "./isolated": "isolated/index",
  "./devtools": "devtools/index",
};

/** The commands and their modules in `src/`. */
const commands = { "cube-token-manager": "doctor/cli" };

/** The files for script tags and their modules in `src/`. */
export const scripts = { "cube-token-manager.iife.js": "index", "cube-token-manager.full.iife.js": "full" };

const existing = (list) =>
  Object.entries(list).filter(([, source]) => existsSync(`${root}/src/${source}.ts`));

/** @type {{ path: string; name: string; source: string }[]} `name`: the file name in `dist/`. */
export const entries = existing(imports).map(([path, source]) => ({
  path,
  source,
  name: path.slice(2) || "index",
}));

/** @type {{ command: string; name: string; source: string }[]} */
export const bins = existing(commands).map(([command, source]) => ({
  command,
  source,
  name: source.split("/")[0],
}));

const file = (name) => ({ types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` });

/** The fields of package.json that derive from the lists above. */
export function fields() {
  const subpaths = entries.filter(({ path }) => path !== ".").map(({ name }) => name);
  return {
    homepage: `https://${HOME}#readme`,
    repository: { type: "git", url: `git+https://${HOME}.git` },
    bugs: { url: `https://${HOME}/issues` },
    author: `The cube-token-manager authors (https://${HOME}/graphs/contributors)`,
    exports: {
      ...Object.fromEntries(
        entries.map(({ path, name }) => [path, { import: file(name), require: file(`cjs/${name}`) }]),
      ),
      "./package.json": "./package.json",
    },
    main: "./dist/cjs/index.js",
    module: "./dist/index.js",
    types: "./dist/cjs/index.d.ts",
    unpkg: "./dist/cube-token-manager.full.iife.js",
    jsdelivr: "./dist/cube-token-manager.full.iife.js",
    ...(bins.length > 0 && {
      bin: Object.fromEntries(bins.map(({ command, name }) => [command, `dist/${name}.js`])),
    }),
    files: ["dist", ...subpaths, "CHANGELOG.md"],
  };
}

/** A `package.json` that points tools without support for `exports` (TypeScript's node10, Metro, webpack 4) to the entry. */
const folder = (name) => ({
  main: `../dist/cjs/${name}.js`,
  module: `../dist/${name}.js`,
  types: `../dist/cjs/${name}.d.ts`,
  sideEffects: false,
});

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** Updates package.json if the entries have changed, and writes the folders of the subpaths. */
export async function writeManifests() {
  const before = await readFile(`${root}/package.json`, "utf8");
  const after = json({ ...JSON.parse(before), ...fields() });
  if (before !== after) await writeFile(`${root}/package.json`, after);
  for (const { path, name } of entries) {
    if (path === ".") continue;
    await mkdir(`${root}/${name}`, { recursive: true });
    await writeFile(`${root}/${name}/package.json`, json(folder(name)));
  }
}
