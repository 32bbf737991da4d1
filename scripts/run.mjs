import { spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { fileURLToPath } from "node:url";

/** The repository's folder: every script works from there, wherever it was called. */
export const root = fileURLToPath(new URL("..", import.meta.url));

const start = (command, args, options) =>
  spawn(command, args, { cwd: root, shell: process.platform === "win32", ...options });

/** Runs a command with its output shown; resolves to its exit code. */
export const run = (command, args, options) =>
  new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: "inherit", ...options });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });

/** Runs a command with what time the others leave; its output is kept, and resolved with the exit code. */
export const runBeside = (command, args) =>
  new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    if (child.pid) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });

/** The same as `run`, but ends this script where the command fails. */
export async function must(command, args, options) {
  const code = await run(command, args, options);
  if (code !== 0) {
    console.error(`"${command} ${args.join(" ")}" failed with exit code ${code}.`);
    process.exit(code);
  }
}

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Installs a package's exact dependencies, unless they are there already. */
export async function install(name = "the package", folder = root, ...flags) {
  const installedAt = changedAt(`${folder}/node_modules/.package-lock.json`);
  if (installedAt > changedAt(`${folder}/package-lock.json`)) return;
  console.log(`Installing the dependencies of ${name} …`);
  await must("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...flags], { cwd: folder });
}

/** The demo has dependencies of its own: Cube's backend among them. */
export const installDemo = () =>
  // Cube's Rust binary and other downloads of install scripts are not needed, see demo/cube/native.mjs.
  install("the demo", `${root}/demo`, "--ignore-scripts");

/** The other React that the hook is tested with. */
export const installReact18 = () => install("the tests with React 18", `${root}/test/react-18`);

/** The SDKs and frameworks that the documentation's code is compiled against. */
export const installDocs = () => install("the documentation's code", `${root}/test/docs`, "--ignore-scripts");

/** What builds the documentation's site. */
export const installSite = () => install("the documentation's site", `${root}/docs`);

/** The SDKs that this one is measured against, and what draws the charts. */
export const installBench = () => install("the benchmarks", `${root}/bench`, "--ignore-scripts");

/** Says when the last build was complete. */
const STAMP = `${root}/node_modules/.built`;
const BUILT_FROM = [
  "src",
  "scripts",
  "rollup.config.mjs",
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "tsconfig.doctor.json",
];

export const build = async () => {
  const { writeManifests } = await import("./entries.mjs");
  await writeManifests();
  await must("npx", ["tsc", "-p", "tsconfig.build.json"]);
  // Node's types, which all else has to do without.
  await must("npx", ["tsc", "-p", "tsconfig.doctor.json"]);
  await must("npx", ["rollup", "-c", "--silent"]);
  writeFileSync(STAMP, "");
};

const lastChange = (path) =>
  Math.max(
    changedAt(`${root}/${path}`),
    ...(statSync(`${root}/${path}`).isDirectory()
      ? readdirSync(`${root}/${path}`, { recursive: true }).map((name) =>
          changedAt(`${root}/${path}/${name}`),
        )
      : []),
  );

/** Builds, unless nothing has changed since the last time. */
export async function buildIfChanged() {
  const isThere = changedAt(`${root}/dist/index.js`) > 0;
  if (!isThere || Math.max(...BUILT_FROM.map(lastChange)) > changedAt(STAMP)) await build();
}
