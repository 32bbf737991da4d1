import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { blocks, codeOf, isCode, pages, readPage } from "./blocks.js";

const exec = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** What the compiler says of this text as a module of an application. */
function compile(files: { where: string; text: string }[]): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    jsx: ts.JsxEmit.ReactJSX,
    types: [],
    // Applications in JavaScript: no annotations, and no strictness about null.
    strict: false,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    paths: {
      "cube-token-manager": [`${root}/src/index.ts`],
      "cube-token-manager/cube": [`${root}/src/cube/index.ts`],
      "cube-token-manager/react": [`${root}/src/react/index.ts`],
    },
  };
  const virtual = new Map(
    files.map(({ text }, index) => [`${root}/test/docs/block-${index}.tsx`, `${text}\nexport {};\n`]),
  );
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => virtual.has(name) || fileExists(name);
  host.readFile = (name) => virtual.get(name) ?? readFile(name);
  host.getSourceFile = (name, target, ...rest) => {
    const text = virtual.get(name);
    return text === undefined
      ? getSourceFile(name, target, ...rest)
      : ts.createSourceFile(name, text, target);
  };
  const program = ts.createProgram([...virtual.keys(), `${root}/test/docs/globals.d.ts`], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const index = Number(/block-(\d+)/.exec(file?.fileName ?? "")?.[1] ?? -1);
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${files[index]?.where ?? file?.fileName}, line ${line} of the block: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

describe("the documentation", () => {
  it("has code that compiles against the package's own types", () => {
    const code = blocks.filter(isCode).map((block) => ({ where: block.where, text: codeOf(block) }));
    expect(code.length).toBeGreaterThan(10);
    expect(compile(code)).toEqual([]);
  });

  it("would not compile with an option that does not exist", () => {
    const text = 'new CubeTokenManager({ endpoint: "/token", refreshBefor: 1 });';
    expect(compile([{ where: "here", text }]).join()).toContain("refreshBefor");
  });

  it("names only commands that exist", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
    for (const page of pages) {
      for (const [, name] of readPage(page).matchAll(/npm run ([\w:-]+)/g)) {
        expect(scripts, `${page}: npm run ${name}`).toHaveProperty([name as string]);
      }
    }
  });

  it("links only to files and headings that exist", () => {
    const slug = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-");
    for (const page of pages) {
      const text = readPage(page).replace(/^```[\s\S]*?^```/gm, "");
      for (const [, link = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        const [file = "", anchor] = link.split("#");
        const target = file ? join(root, page, "..", file) : join(root, page);
        expect(existsSync(target), `${page}: ${link}`).toBe(true);
        if (!anchor) continue;
        const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, h = ""]) =>
          slug(h),
        );
        expect(headings, `${page}: ${link}`).toContain(anchor);
      }
    }
  });

  it("names only files that exist", () => {
    for (const page of pages) {
      for (const [, path = ""] of readPage(page).matchAll(/`((?:src|test|bench|scripts|demo)\/[\w./-]+)`/g)) {
        expect(existsSync(`${root}/${path}`), `${page}: ${path}`).toBe(true);
      }
    }
  });

  it("has an API reference made from the TSDoc as it is", async () => {
    const folder = mkdtempSync(join(tmpdir(), "api-"));
    await exec(resolve(root, "node_modules/.bin/typedoc"), ["--out", folder], { cwd: root });
    const read = (from: string) =>
      Object.fromEntries(
        (readdirSync(from, { recursive: true }) as string[])
          .filter((name) => name.endsWith(".md"))
          .map((name) => [name, readFileSync(join(from, name), "utf8")]),
      );
    // Not current? "npm run docs" makes it anew.
    expect(read(`${root}/docs/api`)).toEqual(read(folder));
    rmSync(folder, { recursive: true });
  });

  it("gives the sizes that size-limit measures", async () => {
    const { stdout } = await exec(resolve(root, "node_modules/.bin/size-limit"), ["--json"], { cwd: root });
    const readme = readPage("README.md");
    const kB = (size: number) => Math.max(0.1, size / 1000).toFixed(1);
    const sizes: { name: string; size: number; passed: boolean }[] = JSON.parse(stdout);
    for (const { name, size, passed } of sizes) {
      expect(passed, `${name}: ${size} bytes`).toBe(true);
      const row = readme.split("\n").find((line) => line.replaceAll("`", "").startsWith(`| ${name}`));
      expect(row, name).toContain(` ${kB(size)} kB |`);
    }
    expect(readme).toContain(`${kB(sizes[0]!.size)} kB brotli with endpoint and memory`);
    expect(readme).toContain(`endpoint_%2B_memory-${kB(sizes[0]!.size)}_kB_brotli`);
    expect(readme).toContain(`${kB(sizes[1]!.size)} kB brotli with everything`);
    expect(readme).toContain(`everything-${kB(sizes[1]!.size)}_kB_brotli`);
  });

  it("counts the dependencies right", () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
    expect(readPage("README.md")).toContain(`dependencies-${Object.keys(dependencies).length}-`);
  });
});
