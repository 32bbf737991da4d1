import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entries, fields } from "../../scripts/entries.mjs";
import { withIntegrity } from "../../scripts/integrity.mjs";
import { internal } from "../../scripts/short-names.mjs";

const exec = promisify(execFile);
const bin = (name: string) => resolve("node_modules/.bin", name);

/** A project that depends on the package as npm would publish it. */
let project: string;
let tarball: string;
let files: string[];
const manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** Every file named in a package.json of the package. */
function named(): string[] {
  const paths = (value: unknown): string[] =>
    typeof value === "string" ? [value] : Object.values(value ?? {}).flatMap(paths);
  const { exports, main, module, types, unpkg, jsdelivr, bin } = manifest;
  const folders = entries
    .filter(({ path }) => path !== ".")
    .flatMap(({ name }) => {
      const { main, module, types } = JSON.parse(readFileSync(`${name}/package.json`, "utf8"));
      return [main, module, types].map((path) => `./${join(name, path)}`);
    });
  return [...new Set([...paths([exports, main, module, types, unpkg, jsdelivr, bin]), ...folders])].map(
    (path) => `./${join(path)}`,
  );
}

/** The types that a file declares, each with the names in it, and the file's exports. */
function typesOf(name: string) {
  const text = readFileSync(`dist/${name}.d.ts`, "utf8");
  const { statements } = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const declared = new Map<string, Set<string>>();
  const exported = new Set<string>();
  for (const statement of statements) {
    if (
      ts.isExportDeclaration(statement) &&
      statement.exportClause &&
      ts.isNamedExports(statement.exportClause)
    ) {
      for (const each of statement.exportClause.elements) exported.add(each.name.text);
    }
    const named = ts.isVariableStatement(statement) ? statement.declarationList.declarations[0]! : statement;
    const own = (named as { name?: ts.Node }).name?.getText();
    if (!own) continue;
    const names = declared.get(own) ?? new Set();
    const visit = (node: ts.Node): void => {
      if (ts.isTypeReferenceNode(node)) names.add(node.typeName.getText());
      if (ts.isExpressionWithTypeArguments(node)) names.add(node.expression.getText());
      ts.forEachChild(node, visit);
    };
    visit(named);
    declared.set(own, names);
  }
  return { declared, exported };
}

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

  it("passes attw in all columns: node10, node16 from CommonJS and from ESM, bundler", async () => {
    const { stdout } = await exec(bin("attw"), ["--format", "ascii", tarball]);
    expect(stdout).toContain("No problems found");
  });

  it("contains the build, the documents, a folder for each subpath, and nothing else", () => {
    const subpaths = entries.filter(({ path }) => path !== ".").map(({ name }) => `${name}/package.json`);
    expect(files.filter((path) => !/^dist\//.test(path))).toEqual(
      ["CHANGELOG.md", "LICENSE", "README.md", "package.json", ...subpaths].sort(),
    );
  });

  it("is at most 250 kB", () => {
    expect(statSync(tarball).size).toBeLessThan(250_000);
  });

  it("has no unreferenced file", () => {
    const reached = new Set<string>();
    const queue = [...named(), "./dist/cjs/package.json", "./dist/cube-token-manager.iife.js"];
    for (const path of queue) {
      if (reached.has(path)) continue;
      reached.add(path);
      const code = readFileSync(join(project, "node_modules/cube-token-manager", path), "utf8");
      // Scripts contain no imports, but strings that look like them.
      if (path.includes(".iife.") || !path.startsWith("./dist/")) continue;
      for (const [, to] of code.matchAll(/(?:from|import|require)[\s(]*["'](\.[^"']+)["']/g)) {
        const target = `./${join(dirname(path), to!)}`;
        queue.push(path.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target);
      }
    }
    expect(files.filter((path) => path.startsWith("dist/"))).toEqual(
      [...reached]
        .filter((path) => path.startsWith("./dist/"))
        .map((path) => path.slice(2))
        .sort(),
    );
  });

  it.each(entries)("exports from $path all types in its signatures", ({ name }) => {
    const root = typesOf("index");
    const { declared, exported } = typesOf(name);
    const missing = new Set<string>();
    const reached = new Set(exported);
    for (const each of reached) {
      for (const used of declared.get(each) ?? root.declared.get(each) ?? []) {
        if (!declared.has(used) && !root.declared.has(used)) continue;
        reached.add(used);
        if (!exported.has(used)) missing.add(used);
      }
    }
    expect(exported.size).toBeGreaterThan(0);
    expect([...missing].sort()).toEqual([]);
  });

  it("shortens no name that its types declare", () => {
    const types = files.filter((path) => path.endsWith(".d.ts"));
    expect(types.length).toBeGreaterThan(5);
    for (const path of types) {
      const text = readFileSync(join(project, "node_modules/cube-token-manager", path), "utf8");
      const declared = [...text.replace(/\/\*.*?\*\//gs, "").matchAll(/(\w+)\??[:(]/g)].map(
        ([, name]) => name!,
      );
      expect(
        declared.filter((name) => internal.includes(name)),
        path,
      ).toEqual([]);
    }
  });

  it("lists the entries of scripts/entries.mjs in package.json", () => {
    // Outdated? "npm run build" renews it.
    expect(manifest).toMatchObject(fields());
    expect(readFileSync("package.json", "utf8").split(manifest.repository.url)).toHaveLength(2);
  });

  it("has its version and hash in the README's script tag", async () => {
    const readme = readFileSync("README.md", "utf8");
    expect(readme).toMatch(/<script src="[^"]+@\d[^"]+full\.iife\.js" integrity="sha384-/);
    // Outdated? "npm run integrity -- --write".
    expect(await withIntegrity(readme)).toBe(readme);
  });

  it("needs jwt-decode and idb-keyval, and nothing else", () => {
    const { dependencies, sideEffects } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(Object.keys(dependencies).sort()).toEqual(["idb-keyval", "jwt-decode"]);
    expect(sideEffects).toBe(false);
  });

  it("has a file for everything that its package.json names", () => {
    expect(named().length).toBeGreaterThan(10);
    expect(files).toEqual(expect.arrayContaining(named().map((path) => path.slice(2))));
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

  it("has the same exports for require, and one identity of its error in both formats", async () => {
    writeFileSync(
      join(project, "both.cjs"),
      `const required = require("cube-token-manager");
       import("cube-token-manager").then(async (imported) => {
         const names = (all) => Object.keys(all).sort().join();
         const error = async ({ CubeTokenManager }) => {
           const tokens = new CubeTokenManager({ fetchToken: async () => "opaque" });
           tokens.dispose();
           return tokens.getToken().catch((error) => error);
         };
         class Own extends required.CubeTokenError {}
         console.log(JSON.stringify({
           names: names(required) === names(imported),
           copies: required.CubeTokenError !== imported.CubeTokenError,
           is: [imported.isCubeTokenError(await error(required)), required.isCubeTokenError(await error(imported))],
           instanceof: [
             (await error(required)) instanceof imported.CubeTokenError,
             (await error(imported)) instanceof required.CubeTokenError,
           ],
           others: [new Error() instanceof required.CubeTokenError, (await error(required)) instanceof Own],
           own: new Own("ERR_TIMEOUT", "") instanceof Own,
           // Before its constructor has run: classes that Babel compiles to functions check that.
           bare: Object.create(required.CubeTokenError.prototype) instanceof required.CubeTokenError,
         }));
       });`,
    );
    const { stdout } = await exec("node", ["both.cjs"], { cwd: project });
    expect(JSON.parse(stdout)).toEqual({
      names: true,
      copies: true,
      is: [true, true],
      instanceof: [true, true],
      others: [false, false],
      own: true,
      bare: true,
    });
  });

  it("accepts storages of the other format", async () => {
    writeFileSync(
      join(project, "storages.cjs"),
      `const required = require("cube-token-manager");
       import("cube-token-manager").then(async (imported) => {
         const use = async (a, b) => {
           const kept = new Map();
           const storage = a.customStorage({
             getItem: async (key) => kept.get(key) ?? null,
             setItem: async (key, value) => void kept.set(key, value),
             removeItem: async (key) => void kept.delete(key),
           });
           const tokens = new b.CubeTokenManager({ fetchToken: async () => "opaque", storage, storageKey: "k" });
           const token = await tokens.getToken();
           await new Promise((go) => setTimeout(go, 50));
           tokens.dispose();
           return [token, [...kept.values()].join().includes("opaque")];
         };
         console.log(JSON.stringify([await use(required, imported), await use(imported, required)]));
       });`,
    );
    const { stdout } = await exec("node", ["storages.cjs"], { cwd: project });
    expect(JSON.parse(stdout)).toEqual([
      ["opaque", true],
      ["opaque", true],
    ]);
  });

  it.each(["cube", "react"])("names what to install if the peer of /%s is missing", async (name) => {
    const peer = { cube: "@cubejs-client/core", react: "react" }[name];
    const run = (file: string, code: string) => {
      writeFileSync(join(project, file), code);
      return exec("node", [file], { cwd: project }).catch(({ stderr }) => stderr as string);
    };
    expect(await run("peer.mjs", `import "cube-token-manager/${name}";`)).toContain(
      `Cannot find package '${peer}'`,
    );
    expect(await run("peer.cjs", `require("cube-token-manager/${name}");`)).toContain(
      `Cannot find module '${peer}'`,
    );
  });
});

/** The part of the package that a bundler keeps for this program. */
async function bundled(program: string): Promise<string> {
  const input = join(project, `${Math.random()}.js`);
  writeFileSync(input, program);
  const bundle = await rollup({ input, plugins: [nodeResolve({ browser: true })] });
  const { output } = await bundle.generate({ format: "es" });
  return output[0].code;
}

describe("a bundler", () => {
  it("drops the package if nothing of it is used", async () => {
    expect((await bundled('import "cube-token-manager";')).trim()).toBe("");
  });

  it("leaves out unused storages", async () => {
    const code = await bundled('export { CubeTokenManager } from "cube-token-manager";');
    expect(code).toContain("class CubeTokenManager");
    expect(code).not.toMatch(/objectStore|document\.cookie|sessionStorage|BroadcastChannel|\.locks|setItem/);
  });

  it("includes a single storage alone", async () => {
    const code = await bundled('export { indexedDBStorage } from "cube-token-manager";');
    expect(code).toContain("objectStore");
    expect(code).not.toMatch(/class CubeTokenManager|document\.cookie/);
  });
});

describe("the script-tag file", () => {
  const code = () => readFileSync("dist/cube-token-manager.iife.js", "utf8");

  it("sets the one global cubeTokenManager", async () => {
    // A context has no browser objects: only those of the language itself.
    const context: Record<string, unknown> = { performance, URL };
    runInNewContext(code(), context);
    expect(Object.keys(context)).toEqual(["performance", "URL", "cubeTokenManager"]);
    const { CubeTokenManager } = context.cubeTokenManager as typeof import("../../src/index.js");
    expect(() => new CubeTokenManager({} as never)).toThrow("Pass exactly one of");
  });

  it("is minified, and references no missing source map", () => {
    expect(code().trimEnd().split("\n").length).toBeLessThan(4);
    expect(code()).not.toContain("sourceMappingURL");
  });

  it("evaluates no strings, so that it runs under a Content-Security-Policy", () => {
    expect(code()).not.toMatch(/\beval\(|new Function/);
  });
});
