import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const exec = promisify(execFile);
const bin = (name: string) => resolve("node_modules/.bin", name);

/** A project that depends on the package as npm would publish it. */
let project: string;
let tarball: string;
let files: string[];

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), "cube-token-manager-"));
  const { stdout } = await exec("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project]);
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  tarball = join(project, packed.filename);
  files = packed.files.map(({ path }) => path).sort();
  mkdirSync(join(project, "node_modules"));
  await exec("tar", ["-xzf", tarball, "-C", project]);
  await exec("mv", [join(project, "package"), join(project, "node_modules/cube-token-manager")]);
  for (const name of ["jwt-decode", "idb-keyval"]) {
    symlinkSync(resolve("node_modules", name), join(project, "node_modules", name));
  }
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe("the package", () => {
  it("passes publint --strict", async () => {
    const { stdout } = await exec(bin("publint"), ["run", "--strict", tarball]);
    expect(stdout).toContain("All good!");
  });

  it("passes attw's ESM-only profile", async () => {
    // It ends with another exit code where it finds a problem that the profile does not ignore.
    const { stdout } = await exec(bin("attw"), ["--profile", "esm-only", "--format", "ascii", tarball]);
    expect(stdout).toContain("node16 (from ESM): 🟢 (ESM)");
  });

  it("holds the build, the documents and nothing else", () => {
    expect(files.filter((path) => !/^dist\//.test(path))).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "package.json",
    ]);
    expect(files).toContain("dist/cube-token-manager.iife.js");
    expect(files).toContain("dist/cube-token-manager.iife.js.map");
  });

  it("needs jwt-decode and idb-keyval, and nothing else", () => {
    const { dependencies, sideEffects } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(Object.keys(dependencies).sort()).toEqual(["idb-keyval", "jwt-decode"]);
    expect(sideEffects).toBe(false);
  });

  it("has a file for everything that its package.json names", () => {
    const { exports, types, unpkg, jsdelivr } = JSON.parse(readFileSync("package.json", "utf8"));
    const named = [
      types,
      unpkg,
      jsdelivr,
      ...Object.values(exports).flatMap((entry) => entry && Object.values(entry)),
    ]
      .filter((path) => /^\.\/./.test(path))
      .map((path) => path.slice(2));
    expect(named.length).toBeGreaterThan(4);
    expect(files).toEqual(expect.arrayContaining(named));
  });

  it("works on plain Node as an ES module", async () => {
    writeFileSync(
      join(project, "use.js"),
      `import * as all from "cube-token-manager";
       import meta from "cube-token-manager/package.json" with { type: "json" };
       const tokens = new all.CubeTokenManager({ fetchToken: async () => "opaque" });
       console.log(JSON.stringify({ name: meta.name, token: await tokens.getToken(), exports: Object.keys(all).sort() }));`,
    );
    const { stdout } = await exec("node", ["use.js"], { cwd: project });
    expect(JSON.parse(stdout)).toEqual({
      name: "cube-token-manager",
      token: "opaque",
      exports: [
        "CubeTokenError",
        "CubeTokenManager",
        "cookieStorage",
        "customStorage",
        "embeddedToken",
        "indexedDBStorage",
        "isCubeTokenError",
        "memoryStorage",
        "tokenFromCookies",
        "webStorage",
        "withTokens",
      ],
    });
  });

  it.each([
    ["NodeNext", "NodeNext"],
    ["ESNext", "Bundler"],
  ])(
    "compiles in an application (module %s, resolution %s), its own types included",
    async (module, resolution) => {
      writeFileSync(
        join(project, "use.ts"),
        `import { CubeTokenManager, isCubeTokenError, webStorage } from "cube-token-manager";
       const tokens = new CubeTokenManager({ endpoint: "/token", storage: webStorage("session") });
       const token: Promise<string> = tokens.getToken();
       token.catch((error: unknown) => isCubeTokenError(error) && error.code === "ERR_TIMEOUT");
       // @ts-expect-error none of the sources
       new CubeTokenManager({});`,
      );
      const flags = ["--noEmit", "--strict", "--target", "ES2022", "--lib", "ES2022,DOM"];
      await exec(bin("tsc"), [...flags, "--module", module, "--moduleResolution", resolution, "use.ts"], {
        cwd: project,
      }).catch(({ stdout }) => expect.fail(stdout));
    },
  );
});

/** What a bundler keeps of the package for this program. */
async function bundled(program: string): Promise<string> {
  const input = join(project, `${Math.random()}.js`);
  writeFileSync(input, program);
  const bundle = await rollup({ input, plugins: [nodeResolve({ browser: true })] });
  const { output } = await bundle.generate({ format: "es" });
  return output[0].code;
}

describe("a bundler", () => {
  it("drops the package where nothing of it is used", async () => {
    expect((await bundled('import "cube-token-manager";')).trim()).toBe("");
  });

  it("leaves out the storages that are not used", async () => {
    const code = await bundled('export { CubeTokenManager } from "cube-token-manager";');
    expect(code).toContain("class CubeTokenManager");
    expect(code).not.toMatch(/objectStore|document\.cookie|sessionStorage|BroadcastChannel|\.locks|setItem/);
  });

  it("takes one storage alone", async () => {
    const code = await bundled('export { indexedDBStorage } from "cube-token-manager";');
    expect(code).toContain("objectStore");
    expect(code).not.toMatch(/class CubeTokenManager|document\.cookie/);
  });
});

describe("the script-tag file", () => {
  const code = () => readFileSync("dist/cube-token-manager.iife.js", "utf8");

  it("sets the one global cubeTokenManager", async () => {
    // A context has none of the browser's objects: only what the language itself has.
    const context: Record<string, unknown> = { performance, URL };
    runInNewContext(code(), context);
    expect(Object.keys(context)).toEqual(["performance", "URL", "cubeTokenManager"]);
    const { CubeTokenManager } = context.cubeTokenManager as typeof import("../../src/index.js");
    expect(() => new CubeTokenManager({} as never)).toThrow("Give exactly one of");
  });

  it("is minified, with a source map that holds the sources", () => {
    expect(code().trimEnd().split("\n").length).toBeLessThan(4);
    expect(code()).toContain("//# sourceMappingURL=cube-token-manager.iife.js.map");
    const map = JSON.parse(readFileSync("dist/cube-token-manager.iife.js.map", "utf8"));
    const manager = map.sources.findIndex((path: string) => path.endsWith("src/manager.ts"));
    expect(map.sourcesContent[manager]).toBe(readFileSync("src/manager.ts", "utf8"));
  });

  it("evaluates no strings, so that it runs under a Content-Security-Policy", () => {
    expect(code()).not.toMatch(/\beval\(|new Function/);
  });
});
