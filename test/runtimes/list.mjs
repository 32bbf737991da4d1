/** The runtimes, in exact versions, and how each runs the scenario. Add new ones here. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { chromiumArgs, chromiumPath } from "../support/chromium.mjs";
import { install, nodeOf, pack } from "../support/project.mjs";
import { reactNativeContext } from "./hosts/react-native.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const project = async (name, dependencies, options) =>
  install(
    `runtime-${name}`,
    { ...dependencies, "cube-token-manager": `file:${await pack()}` },
    { manifest: { type: "module" }, ...options },
  );

/** A host with all its imports in one file, for runtimes without modules or node_modules. */
async function bundle({ folder }, host, options) {
  const { outputFiles } = await build({
    entryPoints: [here(`hosts/${host}.mjs`)],
    bundle: true,
    write: false,
    target: "es2022",
    // As if the host were in the project.
    nodePaths: [join(folder, "node_modules")],
    alias: { "cube-token-manager": join(folder, "node_modules/cube-token-manager") },
    ...options,
  });
  return outputFiles[0].text;
}

/** How long a process may take to exit once it is done (ms). */
const ENDING = 2500;

/** Runs a program that prints "done", and checks that it exits. */
function program(command, args, { folder, env }, { url, run }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, env: { ...env, URL_OF_SERVER: url, RUN: run } });
    let output = "";
    let done;
    const stop = setTimeout(() => child.kill("SIGKILL"), 60_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        output += data;
        if (!done && output.includes("done {")) {
          done = true;
          setTimeout(() => child.kill("SIGKILL"), ENDING).unref();
        }
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(stop);
      if (signal) reject(new Error(done ? "It is done but does not exit." : `It takes too long.\n${output}`));
      else if (code || !done) reject(new Error(`It exited with ${code}.\n${output}`));
      else resolve();
    });
  });
}

const hosts = here("hosts");

const node = (version) => ({
  title: `Node ${version.split(".")[0]}`,
  packages: { node: version },
  async test(world) {
    const it = await project("node", {}, { files: hosts });
    writeFileSync(join(it.folder, "scenario.mjs"), readFileSync(here("scenario.mjs")));
    await program(await nodeOf(version), ["main.mjs"], it, world);
    return "the process exits on its own";
  },
});

/** @param {(folder: string) => string[]} command */
const runtime = (name, title, packages, command) => ({
  title,
  packages,
  async test(world) {
    const it = await project(name, packages, { files: hosts });
    writeFileSync(join(it.folder, "scenario.mjs"), readFileSync(here("scenario.mjs")));
    const [file, ...args] = command(it.folder);
    await program(file, args, it, world);
    return "the process exits on its own";
  },
});

const os = { darwin: "darwin", linux: "linux", win32: "windows" }[process.platform];
const exe = process.platform === "win32" ? ".exe" : "";

const workerd = (compatibilityDate) => ({
  title: `workerd (Cloudflare Workers), compatibility date ${compatibilityDate}`,
  packages: { miniflare: "4.20260730.0" },
  async test({ url, run }) {
    const it = await project("workerd", this.packages);
    const script = await bundle(it, "worker", { format: "esm", conditions: ["workerd", "worker"] });
    const node = await nodeOf("24.21.0");
    // Miniflare may require a newer Node than this one.
    writeFileSync(join(it.folder, "worker.js"), script);
    writeFileSync(join(it.folder, "run.mjs"), readFileSync(here("hosts/miniflare.mjs")));
    const env = { ...it.env, COMPATIBILITY_DATE: compatibilityDate, URL_OF_SERVER: url, RUN: run };
    await it.run(node, ["run.mjs"], { env, timeout: 90_000 });
    return "a manager per request, and one at module level whose requests end in the middle of a refresh";
  },
});

/** @type {Record<string, { title: string; packages: Record<string, string>; browser?: boolean; test(world: { url: string; run: string }): Promise<string> }>} */
export const runtimes = {
  "node-20": node("20.20.2"),
  "node-22": node("22.23.3"),
  "node-24": node("24.21.0"),
  "node-26": node("26.10.0"),
  bun: runtime("bun", "Bun", { bun: "1.4.5" }, (folder) => [
    join(
      folder,
      `node_modules/@oven/bun-${os}-${process.arch === "arm64" ? "aarch64" : "x64"}/bin/bun${exe}`,
    ),
    "run",
    "main.mjs",
  ]),
  deno: runtime("deno", "Deno", { deno: "2.9.6" }, (folder) => [
    join(
      folder,
      `node_modules/@deno/${process.platform}-${process.arch}${os === "linux" ? "-glibc" : ""}/deno${exe}`,
    ),
    "run",
    "--allow-all",
    "--no-lock",
    "--node-modules-dir=manual",
    "main.mjs",
  ]),
  workerd: workerd("2026-07-01"),
  // Before 2024-11-11, its Request refuses the member `cache`.
  "workerd-2024": workerd("2024-11-10"),
  edge: {
    title: "edge-runtime (Vercel)",
    packages: { "edge-runtime": "4.0.1" },
    async test(world) {
      const it = await project("edge", this.packages);
      const code = await bundle(it, "edge", { format: "iife", conditions: ["edge-light", "worker"] });
      const entry = createRequire(join(it.folder, "package.json")).resolve("edge-runtime");
      const { default: module, EdgeRuntime = module.EdgeRuntime } = await import(pathToFileURL(entry).href);
      const edge = new EdgeRuntime();
      edge.evaluate(code);
      await edge.evaluate(`runScenario(${JSON.stringify(world)})`);
      return "";
    },
  },
  "react-native": {
    title: "React Native's globals",
    packages: { "abort-controller": "3.0.0", "whatwg-fetch": "3.6.20", xhr2: "0.2.1" },
    async test(world) {
      const it = await project("react-native", this.packages);
      const { context, run } = reactNativeContext(it.folder);
      const read = (path) => readFileSync(join(it.folder, "node_modules", path), "utf8");
      // Each as a separate script; the polyfills set their globals.
      run(
        `${read("abort-controller/dist/abort-controller.umd.js")};
        globalThis.AbortController = AbortControllerShim.AbortController;
        globalThis.AbortSignal = AbortControllerShim.AbortSignal;`.replaceAll(
          "AbortControllerShim.",
          "globalThis.AbortControllerShim.",
        ),
        "abort-controller.js",
      );
      run(read("whatwg-fetch/dist/fetch.umd.js"), "whatwg-fetch.js");
      run(await bundle(it, "edge", { format: "iife", conditions: ["react-native"] }), "scenario.js");
      await context.runScenario(world);
      return "no `DOMException`, no streams, the `abort-controller` polyfill, an asynchronous storage";
    },
  },
  extension: {
    title: "A browser extension's service worker (Chromium)",
    packages: {},
    browser: true,
    async test(world) {
      const it = await project("extension", {});
      const folder = join(it.folder, "extension");
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "worker.js"), await bundle(it, "extension", { format: "iife" }));
      writeFileSync(
        join(folder, "manifest.json"),
        JSON.stringify({
          manifest_version: 3,
          name: "Scenario",
          version: "1",
          permissions: ["storage"],
          host_permissions: ["http://127.0.0.1/*"],
          background: { service_worker: "worker.js" },
        }),
      );
      const profile = join(it.folder, "profile");
      rmSync(profile, { recursive: true, force: true });
      const context = await chromium.launchPersistentContext(profile, {
        executablePath: chromiumPath,
        headless: false,
        args: [
          ...chromiumArgs,
          "--headless=new",
          `--disable-extensions-except=${folder}`,
          `--load-extension=${folder}`,
        ],
      });
      try {
        const [worker = await context.waitForEvent("serviceworker", { timeout: 20_000 })] =
          context.serviceWorkers();
        await worker.evaluate((world) => globalThis.runScenario(world), world);
      } finally {
        await context.close();
      }
      return "with `chrome.storage`";
    },
  },
};
