import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @typedef {{ file: string, from: string, to: string }} Edit of a source file under `src/`: a fault, in memory only. */

/**
 * Applies one edit to a text.
 *
 * @throws if `from` does not occur exactly once: it would be another fault than the intended one.
 */
export function applyEdit(text, { file, from, to }) {
  const count = text.split(from).length - 1;
  if (count !== 1) throw new Error(`src/${file} contains this ${count} times, not once: ${from}`);
  return text.replace(from, () => to);
}

/** @param {Edit[]} edits */
async function bundle(edits) {
  const faulty = new Map();
  for (const edit of edits) {
    const path = `${root}src/${edit.file}`;
    faulty.set(path, applyEdit(faulty.get(path) ?? (await readFile(path, "utf8")), edit));
  }
  const used = new Set();
  const { outputFiles } = await build({
    entryPoints: [`${root}src/index.ts`],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "cubeTokenManager",
    target: "es2022",
    plugins: [
      {
        name: "mutation",
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (!faulty.has(path)) return undefined;
            used.add(path);
            return { contents: faulty.get(path), loader: "ts" };
          });
        },
      },
    ],
  });
  for (const path of faulty.keys()) {
    if (!used.has(path)) throw new Error(`${path} is no part of the package: its fault would have no effect`);
  }
  return outputFiles[0].text;
}

/** Builds the package as one script from its sources. @param {Edit[]} [edits] */
export async function buildScript(edits = []) {
  return new vm.Script(await bundle(edits), { filename: "cube-token-manager.js" });
}

/**
 * Loads the package once, for tabs that take turns: its globals are those of the tab entered last. One scope per tab
 * (world.mjs) isolates better, but takes three times as long, as its code is never warm.
 *
 * @param {Edit[]} [edits]
 * @returns {Promise<{ library: object, enter: (globals: object) => void }>}
 */
export async function buildRealm(edits = []) {
  let tab;
  const ask =
    (name) =>
    (...args) =>
      tab[name](...args);
  const look = (name) => new Proxy({}, { get: (_, key) => tab[name][key] });
  const scope = {
    Date: class extends Date {
      static now = ask("clock");
    },
    Math: Object.create(Math, { random: { value: ask("dice") } }),
    BroadcastChannel: class {
      constructor(name) {
        // biome-ignore lint/correctness/noConstructorReturn: the tab's own
        return new tab.BroadcastChannel(name);
      }
    },
    performance: look("performance"),
    navigator: look("navigator"),
    document: look("document"),
    localStorage: look("localStorage"),
    ...Object.fromEntries(
      ["setTimeout", "clearTimeout", "fetch", "addEventListener", "removeEventListener", "reportError"].map(
        (name) => [name, ask(name)],
      ),
    ),
  };
  const names = Object.keys(scope);
  // All other globals are Node's, except for `process`, which would reveal Node.
  scope.globalThis = Object.setPrototypeOf({ ...scope, process: undefined }, globalThis);
  const text = await bundle(edits);
  const library = new Function("globalThis", ...names, `${text}\nreturn cubeTokenManager;`)(
    scope.globalThis,
    ...names.map((name) => scope[name]),
  );
  return {
    library,
    enter(globals) {
      tab = globals;
    },
  };
}
