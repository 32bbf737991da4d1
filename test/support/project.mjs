/** Small projects beside the repository, with packages from the registry, for the tests of consumers and runtimes. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { root } from "../../scripts/run.mjs";

const hash = (data) => createHash("sha256").update(data).digest("hex").slice(0, 12);

/** Kept between runs, one set per clone, as installing them all takes minutes. */
export const workFolder =
  process.env.CONSUMERS_FOLDER ?? join(tmpdir(), `cube-token-manager-consumers-${hash(root)}`);

/** Runs a command; rejects with its output if it fails. */
export const exec = (command, args, { timeout = 300_000, ...options } = {}) =>
  new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 26, timeout, ...options }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const output = `${stdout}\n${stderr}`.trim().slice(-4000);
      const why = error.killed ? `did not end within ${timeout} ms` : `failed (${error.code})`;
      reject(Object.assign(new Error(`${command} ${args.join(" ")} ${why}:\n${output}`), { stdout, stderr }));
    });
  });

let packed;

/** Packs the package as npm would publish it, from the current `dist/`. Named by its content, or npm would reuse an old one. */
export const pack = () => {
  packed ??= (async () => {
    mkdirSync(workFolder, { recursive: true });
    const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", workFolder];
    const [{ filename }] = JSON.parse(await exec("npm", args, { cwd: root }));
    const file = join(workFolder, filename);
    const named = join(workFolder, `cube-token-manager-${hash(readFileSync(file))}.tgz`);
    renameSync(file, named);
    return named;
  })();
  return packed;
};

/**
 * Installs exact versions into a folder of its own, unless it has them, and copies files to it.
 *
 * @param {string} name of the folder.
 * @param {Record<string, string>} dependencies including `file:` ones.
 * @param {{ files?: string; node?: string; manifest?: object }} [options] `files` is a folder that is copied; `node` the
 * version of Node that runs its commands.
 */
export async function install(name, dependencies, { files, node, manifest = {} } = {}) {
  const folder = join(workFolder, name);
  mkdirSync(folder, { recursive: true });
  const wanted = `${JSON.stringify({ name: `with-${name}`, private: true, ...manifest, dependencies }, null, 2)}\n`;
  const path = join(folder, "package.json");
  const stamp = join(folder, ".installed");
  const isThere = existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
  writeFileSync(path, wanted);
  if (!isThere) {
    rmSync(stamp, { force: true });
    // A lock file of other versions would win over these.
    rmSync(join(folder, "package-lock.json"), { force: true });
    // Install scripts download binaries, or repeat what the platform's own package has done.
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await exec("npm", ["install", ...flags], { cwd: folder, timeout: 600_000 });
    writeFileSync(stamp, wanted);
  }
  if (files) {
    const kept = ["node_modules", "package.json", "package-lock.json", ".installed"];
    for (const file of readdirSync(folder)) {
      if (!kept.includes(file)) rmSync(join(folder, file), { recursive: true });
    }
    cpSync(files, folder, { recursive: true });
  }
  const binary = node && (await nodeOf(node));
  const bins = [join(folder, "node_modules/.bin"), ...(binary ? [dirname(binary)] : []), process.env.PATH];
  const env = { ...process.env, PATH: bins.join(delimiter), NO_COLOR: "1", CI: "1" };
  delete env.NODE_OPTIONS;
  delete env.FORCE_COLOR;
  for (const key of Object.keys(env)) if (/^(npm_|VITEST|NODE_ENV|TEST$)/.test(key)) delete env[key];
  return {
    folder,
    env,
    node: binary ?? process.execPath,
    /** Runs a command of the project, or `node`; resolves to its output. */
    run: (command, args = [], options = {}) => exec(command, args, { cwd: folder, env, ...options }),
    read: (file) => readFileSync(join(folder, file), "utf8"),
    version: (dependency) =>
      JSON.parse(readFileSync(join(folder, "node_modules", dependency, "package.json"), "utf8")).version,
  };
}

/** The binary of a version of Node. */
export async function nodeOf(version) {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const dependency = `node-${platform}-${process.arch}`;
  const { folder } = await install(`node-${version}`, { [dependency]: version });
  return join(folder, "node_modules", dependency, platform === "win" ? "bin/node.exe" : "bin/node");
}
