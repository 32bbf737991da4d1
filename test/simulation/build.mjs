import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The package as one script, from its sources.
 *
 * @param {{ file: string, from: string, to: string }[]} [edits] of its sources: faults, in memory alone.
 */
export async function buildScript(edits = []) {
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
          for (const file of new Set(edits.map(({ file }) => file))) {
            onLoad({ filter: new RegExp(`/src/${file}$`) }, async ({ path }) => {
              let contents = await readFile(path, "utf8");
              for (const { from, to } of edits.filter((edit) => edit.file === file)) {
                if (!contents.includes(from)) throw new Error(`${file} has no: ${from}`);
                contents = contents.replace(from, to);
              }
              return { contents, loader: "ts" };
            });
          }
        },
      },
    ],
  });
  return new vm.Script(outputFiles[0].text, { filename: "cube-token-manager.js" });
}
