import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The package as one script, from its sources.
 *
 * @param {{ file: string, from: string, to: string }} [mutation] of one source, in memory alone.
 */
export async function buildScript(mutation) {
  const { outputFiles } = await build({
    entryPoints: [`${root}/src/index.ts`],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "cubeTokenManager",
    target: "es2022",
    plugins: [
      {
        name: "mutation",
        setup({ onLoad }) {
          if (!mutation) return;
          onLoad({ filter: new RegExp(`${mutation.file}$`) }, async ({ path }) => {
            const contents = await readFile(path, "utf8");
            if (!contents.includes(mutation.from))
              throw new Error(`${mutation.file} has no: ${mutation.from}`);
            return { contents: contents.replace(mutation.from, mutation.to), loader: "ts" };
          });
        },
      },
    ],
  });
  return new vm.Script(outputFiles[0].text, { filename: "cube-token-manager.js" });
}
