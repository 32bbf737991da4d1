import commonjs from "@rollup/plugin-commonjs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import { dts } from "rollup-plugin-dts";
import { bins, entries, scripts } from "./scripts/entries.mjs";

const external = /^[^./]/;
const input = (list, suffix) =>
  Object.fromEntries(list.map(({ name, source }) => [name, `build/${source}${suffix}`]));

/** The same files twice: ES modules in `dist/`, CommonJS in `dist/cjs/`, whose own package.json says so. */
const dirs = ["dist", "dist/cjs"];
const isCommonJs = (dir) => dir === "dist/cjs";

const files = (suffix) => ({
  entryFileNames: `[name]${suffix}`,
  // A chunk of types is named after "types.d".
  chunkFileNames: ({ name }) => `chunks/${name.replace(/\.d$/, "")}${suffix}`,
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

/** tsc has compiled `src/` to `build/`; here it becomes what is published. */
export default [
  {
    input: input([...entries, ...bins], ".js"),
    external,
    output: { dir: "dist", format: "es", ...files(".js") },
  },
  {
    input: input(entries, ".js"),
    external,
    output: {
      dir: "dist/cjs",
      format: "cjs",
      ...files(".js"),
      exports: "named",
      generatedCode: "es2015",
      plugins: [commonJsScope],
    },
  },
  ...dirs.map((dir) => ({
    input: input(entries, ".d.ts"),
    external,
    plugins: [dts()],
    output: { dir, format: "es", ...files(".d.ts"), plugins: isCommonJs(dir) ? [borrowTypes] : [] },
  })),
  ...Object.entries(scripts).map(([name, source]) => ({
    input: `build/${source}.js`,
    plugins: [nodeResolve({ browser: true }), commonjs()],
    output: {
      file: `dist/${name}`,
      format: "iife",
      name: "cubeTokenManager",
      plugins: [terser({ ecma: 2020 })],
    },
  })),
];
