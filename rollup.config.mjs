import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";

/** Takes tsc's source maps along, so that a debugger shows the TypeScript. */
const sourceMaps = {
  name: "source-maps",
  async load(id) {
    if (!id.startsWith(resolve("build")) || !id.endsWith(".js")) return null;
    return { code: await readFile(id, "utf8"), map: JSON.parse(await readFile(`${id}.map`, "utf8")) };
  },
};

/** tsc has compiled `src/` to `build/`; here it becomes what is published. */
export default [
  {
    input: { index: "build/index.js" },
    external: ["jwt-decode", "idb-keyval"],
    plugins: [sourceMaps],
    output: { dir: "dist", format: "es", sourcemap: true },
  },
  {
    input: "build/index.js",
    plugins: [sourceMaps, nodeResolve({ browser: true })],
    output: {
      file: "dist/cube-token-manager.iife.js",
      format: "iife",
      name: "cubeTokenManager",
      sourcemap: true,
      plugins: [terser({ ecma: 2020 })],
    },
  },
];
