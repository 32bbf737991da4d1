import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Bundles one file of the benchmarks with everything it imports; `cube-token-manager` is the current build. */
export async function bundle(entry, options = {}) {
  const { outputFiles } = await build({
    ...(typeof entry === "string"
      ? { entryPoints: [`${here}/${entry}`] }
      : { stdin: { ...entry, resolveDir: here } }),
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    alias: {
      "cube-token-manager": `${here}/../dist/index.js`,
      "cube-token-manager/cube": `${here}/../dist/cube.js`,
    },
    logLevel: "error",
    ...options,
  });
  return outputFiles[0].text;
}
