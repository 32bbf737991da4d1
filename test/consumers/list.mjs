/** The projects that install this package, in exact versions, and their tests. Add new ones here. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { freePort } from "../support/free-port.mjs";
import { exec, nodeOf } from "../support/project.mjs";
import { startServer, useApp } from "./react-app.mjs";
import { cubePort, look, SECRET, signToken } from "./site.mjs";
import { typeProblems } from "./types.mjs";

const NODE = "24.21.0";
export const CORE = { "@cubejs-client/core": "1.7.43" };
export const REACT = { react: "19.3.1", "react-dom": "19.3.1" };

const apiUrl = async () => `http://127.0.0.1:${await cubePort()}/cubejs-api/v1`;

/** Environment variables for a project's requests to Cube. */
const environment = async (project) => ({
  ...project.env,
  apiUrl: await apiUrl(),
  token: await signToken(),
});

const equal = (actual, expected) => {
  if (actual !== expected)
    throw new Error(`Expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}.`);
};

/** The size of a bundle with the manager alone. */
async function managerSize({ folder }, path) {
  const file = existsSync(join(folder, path, "manager.js"))
    ? join(folder, path, "manager.js")
    : join(
        folder,
        path,
        readdirSync(join(folder, path)).find((name) => name.endsWith(".js")),
      );
  const brotli = (data) => brotliCompressSync(data).length;
  const size = brotli(readFileSync(file));
  const entryPoints = [join(folder, "manager.js")];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
  });
  // Bundlers add different code of their own; including storages or Cube's client would be a bug.
  const most = brotli(outputFiles[0].contents) + 800;
  if (size > most) throw new Error(`A bundle with the manager alone has ${size} bytes, more than ${most}.`);
  return `${(size / 1000).toFixed(1)} kB`;
}

/** A bundler: builds `dist/` with a page and, there or in `dist-manager/`, a bundle with the manager alone. */
const bundler = (title, dependencies, commands, { page = true, manager = "dist", ...rest } = {}) => ({
  title,
  files: "bundler",
  browser: true,
  dependencies: { ...dependencies, ...CORE },
  ...rest,
  async test(project) {
    for (const [command, ...args] of commands) await project.run(command, args);
    mkdirSync(join(project.folder, "dist"), { recursive: true });
    if (page) cpSync(join(project.folder, "index.html"), join(project.folder, "dist/index.html"));
    const size = await managerSize(project, manager);
    await look(join(project.folder, "dist"));
    return `bundles, runs in Chromium, ${size}`;
  },
});

const jest = (version) => ({
  title: `Jest ${version.split(".")[0]}`,
  files: "jest",
  dependencies: {
    jest: version,
    "jest-environment-jsdom": version,
    "whatwg-fetch": "3.6.20",
    ...CORE,
    ...REACT,
  },
  manifest: { scripts: { test: "jest" } },
  async test({ run }) {
    await run("jest", ["--ci"], { timeout: 120_000 });
    return "`require`, in Node and in jsdom (with a `fetch`, which jsdom lacks)";
  },
});

/** Each with its kinds of files; CommonJS files must not name Cube's client, see transport.ts. */
const RESOLUTIONS = {
  node10: { module: "es2020", extensions: ["ts"] },
  node16: { module: "node16", extensions: ["mts", "cts"] },
  nodenext: { module: "nodenext", extensions: ["mts", "cts"] },
  bundler: { module: "es2020", extensions: ["ts"] },
};

const typescript = (version, { without = [], flags = [] } = {}) => ({
  title: `TypeScript ${version.split(".").slice(0, 2).join(".")}`,
  files: "typescript",
  dependencies: { typescript: version, "@types/react": "19.3.0", ...CORE, ...REACT },
  async test(project) {
    const { folder } = project;
    const names = Object.keys(RESOLUTIONS).filter((name) => !without.includes(name));
    const read = (file) => readFileSync(join(folder, file), "utf8");
    for (const extension of ["mts", "cts"]) {
      writeFileSync(join(folder, `app.${extension}`), read("app.ts"));
    }
    writeFileSync(join(folder, "transport.mts"), read("transport.ts").replace("./app.js", "./app.mjs"));
    for (const name of names) {
      const { module, extensions } = RESOLUTIONS[name];
      const inputs = extensions.flatMap((extension) =>
        extension === "cts" ? ["app.cts"] : [`app.${extension}`, `transport.${extension}`],
      );
      const problems = await typeProblems(project, [
        ...["--declaration", "--outDir", "out", "--module", module, "--moduleResolution", name],
        ...flags,
        ...inputs,
      ]);
      if (problems) throw new Error(`${name}: ${problems}`);
    }
    return `${names.join(", ")}, in ES modules and CommonJS; without \`skipLibCheck\``;
  },
});

/** Runs a framework's server during the test. */
async function withServer({ folder, env, node }, args, test) {
  const port = await freePort();
  const server = spawn(node, [...args, String(port)], {
    cwd: folder,
    env: { ...env, SECRET, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (data) => (output += data));
  try {
    const end = Date.now() + 30_000;
    while (!(await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined))?.ok) {
      if (Date.now() > end || server.exitCode !== null) throw new Error(`It does not start: ${output}`);
      await new Promise((go) => setTimeout(go, 100));
    }
    return await test(port);
  } finally {
    server.kill();
  }
}

const viteReact = (title, dependencies) => ({
  title,
  files: "vite-react",
  node: NODE,
  browser: true,
  dependencies: {
    vite: "8.3.8",
    "@vitejs/plugin-react": "6.3.0",
    "@cubejs-client/react": "1.7.42",
    ...dependencies,
  },
  async test(project) {
    const app = await startServer(join(project.folder, "dist"));
    const env = { ...project.env, APP_SERVER: app.url, VITE_CUBE_API_URL: await apiUrl() };
    const args = ["node_modules/vite/bin/vite.js", "--host", "127.0.0.1", "--strictPort", "--port"];
    await withServer({ ...project, env }, args, (port) =>
      useApp(project, `http://127.0.0.1:${port}`, app, { isDevelopment: true }),
    );
    await project.run("vite", ["build"], { env });
    await useApp(project, app.url, app, { isDevelopment: false });
    return "StrictMode, `vite dev` and `vite build`: sign-in, change of user, sign-out, two tabs, an endpoint that is down, Fast Refresh";
  },
});

/** @type {Record<string, { title: string; files: string; node?: string; dependencies: Record<string, string>; manifest?: object; quick?: boolean; browser?: boolean; test(project: object): Promise<string> }>} */
export const consumers = {
  node: {
    title: "Node",
    files: "node",
    quick: true,
    dependencies: { ...CORE, ...REACT },
    async test(project) {
      const versions = ["20.0.0", "22.11.0", NODE];
      for (const version of versions) {
        const node = await nodeOf(version);
        for (const file of ["require.cjs", "import.mjs"]) {
          const output = await exec(node, [file], { cwd: project.folder, env: await environment(project) });
          equal(output.trim(), "2 true function");
        }
      }
      return `\`require\` and \`import\` on ${versions.join(", ")}`;
    },
  },
  "jest-29": jest("29.7.0"),
  "jest-30": { ...jest("30.5.2"), quick: true },
  vitest: {
    title: "Vitest",
    files: "vitest",
    node: NODE,
    dependencies: { vitest: "5.1.1", jsdom: "31.0.1", ...CORE, ...REACT },
    async test(project) {
      await project.run("vitest", ["run"], { env: await environment(project) });
      return "in jsdom";
    },
  },
  "typescript-5.0": { ...typescript("5.0.4"), quick: true },
  "typescript-5.4": typescript("5.4.5"),
  "typescript-5.9": typescript("5.9.3"),
  "react-types": {
    title: "TypeScript 5.9 with React, and two copies of core",
    files: "react-types",
    dependencies: {
      typescript: "5.9.3",
      "@types/react": "19.3.0",
      // Pins an older core than the one that npm installs beside it.
      "@cubejs-client/react": "1.7.42",
      ...CORE,
      ...REACT,
    },
    async test(project) {
      const args = "--module esnext --moduleResolution bundler --jsx react-jsx --skipLibCheck app.tsx".split(
        " ",
      );
      const problems = await typeProblems(project, args);
      if (problems) throw new Error(problems);
      return "the types of `createCubeApi` fit `CubeProvider`";
    },
  },
  "typescript-6.0": typescript("6.0.3", { flags: ["--ignoreDeprecations", "6.0"] }),
  // It no longer supports node10.
  "typescript-7.0": { ...typescript("7.0.2", { without: ["node10"] }), quick: true },
  esbuild: {
    ...bundler("esbuild", { esbuild: "0.28.2" }, [
      ["esbuild", "app.js", "manager.js", "--bundle", "--minify", "--format=esm", "--outdir=dist"],
    ]),
    quick: true,
  },
  rollup: bundler(
    "Rollup",
    {
      rollup: "4.68.8",
      "@rollup/plugin-node-resolve": "16.0.3",
      "@rollup/plugin-commonjs": "29.0.3",
      "@rollup/plugin-terser": "1.0.2",
    },
    ["app", "manager"].map((name) =>
      `rollup ${name}.js -o dist/${name}.js -f es -p node-resolve={browser:true} -p commonjs -p terser --silent`.split(
        " ",
      ),
    ),
  ),
  vite: bundler(
    "Vite",
    { vite: "8.3.8" },
    [
      ["vite", "build"],
      ["vite", "build", "--config", "vite.manager.mjs"],
    ],
    { page: false, manager: "dist-manager", node: NODE },
  ),
  webpack: bundler("webpack", { webpack: "5.113.0", "webpack-cli": "7.3.1" }, [["webpack"]], { node: NODE }),
  rspack: bundler(
    "Rspack",
    { "@rspack/core": "2.3.3", "@rspack/cli": "2.2.8" },
    [["rspack", "build", "--config", "webpack.config.mjs"]],
    { node: NODE },
  ),
  parcel: bundler(
    "Parcel",
    { parcel: "2.16.4" },
    [
      ["parcel", "build", "index.html", "--no-source-maps", "--no-cache"],
      ["parcel", "build", "manager.js", "--dist-dir", "dist-manager", "--no-source-maps", "--no-cache"],
    ],
    { page: false, manager: "dist-manager" },
  ),
  next: {
    title: "Next.js, App Router",
    files: "next",
    node: NODE,
    dependencies: { next: "16.4.6", jose: "6.2.18", ...CORE, ...REACT },
    async test(project) {
      await project.run("next", ["build"]);
      return withServer(project, ["node_modules/next/dist/bin/next", "start", "-p"], async (port) => {
        const { requests, text, html } = await look(port);
        if (requests.includes("/token")) throw new Error("The page asked for a token although it had one.");
        if (!/<meta name="cube-token" content="eyJ/.test(html)) throw new Error("The HTML holds no token.");
        if (!text.includes("fresh")) throw new Error(`The hook says ${text}.`);
        return "token in the HTML, no further token request, no hydration warning";
      });
    },
  },
  // What "npm install" installs today: two versions of core.
  "vite-react": viteReact("React 19 with Vite", { ...CORE, ...REACT }),
  // The single version that the README names.
  "vite-react-18": viteReact("React 18 with Vite", {
    "@cubejs-client/core": "1.7.42",
    react: "18.3.1",
    "react-dom": "18.3.1",
  }),
  vue: {
    title: "Vue with Vite",
    files: "vue",
    node: NODE,
    dependencies: { vue: "3.5.45", vite: "8.3.8", "@vitejs/plugin-vue": "6.0.11", ...CORE },
    async test(project) {
      await project.run("vite", ["build"]);
      await look(join(project.folder, "dist"));
      return "state and rows in the page";
    },
  },
  svelte: {
    title: "SvelteKit",
    files: "svelte",
    node: NODE,
    manifest: { type: "module" },
    dependencies: {
      "@sveltejs/kit": "3.2.0",
      "@sveltejs/adapter-static": "4.0.1",
      "@sveltejs/vite-plugin-svelte": "7.3.1",
      svelte: "5.57.3",
      vite: "8.3.8",
      typescript: "6.0.3",
      ...CORE,
    },
    async test(project) {
      await project.run("vite", ["build"]);
      await look(join(project.folder, "build"));
      return "prerendered, state and rows in the page";
    },
  },
  angular: {
    title: "Angular with zone.js",
    files: "angular",
    node: NODE,
    dependencies: {
      "@angular/build": "22.2.7",
      "@angular/cli": "22.2.7",
      "@angular/common": "22.2.6",
      "@angular/compiler": "22.2.6",
      "@angular/compiler-cli": "22.2.6",
      "@angular/core": "22.2.6",
      "@angular/platform-browser": "22.2.6",
      "@cubejs-client/ngx": "1.5.13",
      rxjs: "7.8.2",
      tslib: "2.9.1",
      typescript: "6.0.3",
      "zone.js": "0.16.3",
      ...CORE,
    },
    async test(project) {
      await project.run("ng", ["build"]);
      const { text } = await look(join(project.folder, "dist"), "/", /stable after/);
      const [, ms] = /stable after (\d+) ms/.exec(text);
      if (Number(ms) > 1000) throw new Error(`Stable only ${ms} ms after the rows.`);
      return "`@cubejs-client/ngx`; the application is stable within a second of the rows";
    },
  },
  metro: {
    title: "Metro (React Native)",
    files: "metro",
    node: NODE,
    dependencies: {
      metro: "0.87.1",
      "@babel/core": "7.29.0",
      "@react-native/metro-config": "0.88.1",
      "@react-native/babel-preset": "0.88.1",
      ...CORE,
      ...REACT,
    },
    async test(project) {
      mkdirSync(join(project.folder, "dist"), { recursive: true });
      for (const exports of ["exports", "folders"]) {
        await project.run("node", ["build.mjs", exports]);
        const code = readFileSync(join(project.folder, `dist/${exports}.js`), "utf8");
        const context = {
          console,
          setTimeout,
          clearTimeout,
          setInterval,
          clearInterval,
          queueMicrotask,
          fetch,
        };
        Object.assign(context, { URL, URLSearchParams, Headers, AbortController, AbortSignal, performance });
        Object.assign(context, { TextEncoder, TextDecoder, crypto, atob, btoa });
        context.globalThis = context;
        runInNewContext(code, context);
        const token = await signToken();
        equal(await context.start(token, await apiUrl()), "2 function true");
      }
      return "with and without package exports";
    },
  },
};
