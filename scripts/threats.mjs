/** Carries out the attacks of docs/threats.md: "npm run threats -- --write" writes the page. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { engines, isInstalled } from "../test/browser/engines/installed.mjs";
import { readArguments } from "./arguments.mjs";
import { build, install, installDemo, root } from "./run.mjs";

const usage = `npm run threats [-- --engine NAME] [--write]\nEngines: ${Object.keys(engines).join(", ")}; by default all that are installed`;
const isEngine = { test: (name) => Object.hasOwn(engines, name) };
const { engine, write = false } = readArguments(usage, { engine: isEngine, write: true });

const names = (engine ? [engine] : Object.keys(engines)).filter((name) => {
  if (isInstalled(name)) return true;
  console.error(
    `${name} is not installed: apt-get install -y --no-install-recommends ${engines[name].packages}`,
  );
  return false;
});
if (!names.length) process.exit(1);
await Promise.all([install(), installDemo()]);
await build();

// The engines' drivers are TypeScript, like the tests.
const esbuild = await import("esbuild");
const outfile = `${root}/build/threats.mjs`;
mkdirSync(dirname(outfile), { recursive: true });
await esbuild.build({
  entryPoints: [`${root}/test/browser/threats/main.ts`],
  outfile,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  plugins: [
    {
      name: "paths of the sources",
      setup({ onLoad }) {
        onLoad({ filter: /[\\/](test|demo|src)[\\/].*\.m?[tj]s$/ }, ({ path }) => ({
          contents: readFileSync(path, "utf8")
            .replaceAll("import.meta.dirname", JSON.stringify(dirname(path)))
            .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
          loader: path.endsWith("ts") ? "ts" : "js",
        }));
      },
    },
  ],
});
const { main } = await import(pathToFileURL(outfile).href);
process.exit((await main(names, write)) ? 0 : 1);
