import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
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

/** @param {string} name of the entry and of the file. */
const scriptTag = (name, suffix = "") => ({
  input: `build/${name}.js`,
  plugins: [sourceMaps, nodeResolve({ browser: true }), commonjs()],
  output: {
    file: `dist/cube-token-manager${suffix}.iife.js`,
    format: "iife",
    name: "cubeTokenManager",
    sourcemap: true,
    plugins: [terser({ ecma: 2020 })],
  },
});

/** tsc has compiled `src/` to `build/`; here it becomes what is published. */
export default [
  {
    input: {
      index: "build/index.js",
      cube: "build/cube/index.js",
      react: "build/react/index.js",
      frames: "build/frames/index.js",
    },
    external: ["jwt-decode", "idb-keyval", "@cubejs-client/core", "react"],
    plugins: [sourceMaps],
    output: { dir: "dist", format: "es", sourcemap: true, chunkFileNames: "chunks/[name].js" },
  },
  scriptTag("index"),
  scriptTag("full", ".full"),
];
