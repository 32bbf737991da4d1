import { resolve } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import { dts } from "rollup-plugin-dts";
import { bins, entries, scripts } from "./scripts/entries.mjs";
import { shortNames } from "./scripts/short-names.mjs";

const external = /^[^./]/;
const input = (list, suffix) =>
  Object.fromEntries(list.map(({ name, source }) => [name, `build/${source}${suffix}`]));

/** The same files twice: ES modules in `dist/`, CommonJS in `dist/cjs/`, whose own package.json says so. */
const dirs = ["dist", "dist/cjs"];
const isCommonJs = (dir) => dir === "dist/cjs";

const files = (suffix) => ({
  entryFileNames: `[name]${suffix}`,
  // A chunk of types is named after "types.d".
  // Else a file imports what its imports import, only to be the sooner loaded.
  hoistTransitiveImports: false,
  chunkFileNames: ({ name }) => `chunks/${name.replace(/\.d$/, "")}${suffix}`,
});

/**
 * Constants where they are used, and nothing inlined that is used twice: the files that applications bundle come out
 * smaller by 2 %, and stay readable.
 */
const tidy = terser({
  ecma: 2020,
  mangle: false,
  compress: { passes: 1, inline: false, reduce_funcs: false, sequences: false },
  format: { beautify: true },
});

const commonJsScope = {
  name: "commonjs-scope",
  generateBundle() {
    const source = `${JSON.stringify({ type: "commonjs", sideEffects: false }, null, 2)}\n`;
    this.emitFile({ type: "asset", fileName: "package.json", source });
  },
};

/** Cube's types are an ES module since 1.7, which TypeScript's node16 refuses a CommonJS file although it reads them. */
const borrowTypes = {
  name: "borrow-types",
  renderChunk: (code) =>
    code.replace(/^import .* from ["']@cubejs-client\/core["'];$/gm, "// @ts-ignore\n$&"),
};

/**
 * Types that entries share are declared in the root entry: TypeScript before 5.3 cannot name those of a file that no
 * entry is (TS2742).
 */
function inRoot(id, { getModuleInfo }) {
  const root = resolve(`build/${entries[0].source}.d.ts`);
  const reached = new Set([root]);
  for (const each of reached) for (const to of getModuleInfo(each)?.importedIds ?? []) reached.add(to);
  return reached.has(id) ? "index" : undefined;
}

/** tsc has compiled `src/` to `build/`; here it becomes what is published. */
export default [
  {
    input: input(entries, ".js"),
    external,
    plugins: [shortNames],
    output: { dir: "dist", format: "es", ...files(".js"), plugins: [tidy] },
  },
  // Of its own, or what it shares would be chunks of the other entries.
  ...bins.map((bin) => ({
    input: input([bin], ".js"),
    external,
    output: { dir: "dist", format: "es", ...files(".js") },
  })),
  {
    input: input(entries, ".js"),
    external,
    plugins: [shortNames],
    output: {
      dir: "dist/cjs",
      format: "cjs",
      ...files(".js"),
      exports: "named",
      generatedCode: "es2015",
      plugins: [tidy, commonJsScope],
    },
  },
  ...dirs.map((dir) => ({
    input: input(entries, ".d.ts"),
    external,
    plugins: [dts()],
    preserveEntrySignatures: "allow-extension",
    output: {
      dir,
      format: "es",
      ...files(".d.ts"),
      manualChunks: inRoot,
      plugins: isCommonJs(dir) ? [borrowTypes] : [],
    },
  })),
  ...Object.entries(scripts).map(([name, source]) => ({
    input: `build/${source}.js`,
    plugins: [shortNames, nodeResolve({ browser: true }), commonjs()],
    output: {
      file: `dist/${name}`,
      format: "iife",
      name: "cubeTokenManager",
      plugins: [terser({ ecma: 2020 })],
    },
  })),
];
