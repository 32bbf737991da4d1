import { spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { fileURLToPath } from "node:url";

/** The repository's root. Every command runs there, wherever the script was called. */
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

/** Runs a command at low priority; resolves to its exit code and its output. */
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

/** Like `run`, but exits if the command fails. */
export async function must(command, args, options) {
  const code = await run(command, args, options);
  if (code !== 0) {
    console.error(`"${command} ${args.join(" ")}" failed with exit code ${code}.`);
    process.exit(code);
  }
}

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Installs a package's exact dependencies, unless they are installed already. */
export async function install(name = "the package", folder = root, ...flags) {
  const installedAt = changedAt(`${folder}/node_modules/.package-lock.json`);
  if (installedAt > changedAt(`${folder}/package-lock.json`)) return;
  console.log(`Installing the dependencies of ${name} …`);
  await must("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...flags], { cwd: folder });
}

/** The demo has its own dependencies, including Cube's backend. */
export const installDemo = () =>
  // The downloads of install scripts, such as Cube's Rust binary, are not needed: see demo/cube/native.mjs.
  install("the demo", `${root}/demo`, "--ignore-scripts");

/** The older React that the hook is also tested with. */
export const installReact18 = () => install("the tests with React 18", `${root}/test/react-18`);

/** The SDKs and frameworks that the documentation's code is compiled against. */
export const installDocs = () => install("the documentation's code", `${root}/test/docs`, "--ignore-scripts");

/** The tool that builds the documentation site. */
export const installSite = () => install("the documentation's site", `${root}/docs`);

/** The SDKs that this one is compared with, and the chart library. */
export const installBench = () => install("the benchmarks", `${root}/bench`, "--ignore-scripts");

/** Its modification time is that of the last complete build. */
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
  // With Node's types, which no other code may use.
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

/** Builds if anything has changed since the last build. */
export async function buildIfChanged() {
  const isThere = changedAt(`${root}/dist/index.js`) > 0;
  if (!isThere || Math.max(...BUILT_FROM.map(lastChange)) > changedAt(STAMP)) await build();
}
