import { nodeResolve } from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";

/** tsc has compiled `src/` to `build/`; here it becomes what is published. */
export default [
  {
    input: { index: "build/index.js" },
    external: ["jwt-decode", "idb-keyval"],
    output: { dir: "dist", format: "es", sourcemap: true },
  },
  {
    input: "build/index.js",
    plugins: [nodeResolve({ browser: true })],
    output: {
      file: "dist/cube-token-manager.iife.js",
      format: "iife",
      name: "cubeTokenManager",
      sourcemap: true,
      plugins: [terser({ ecma: 2020 })],
    },
  },
];
