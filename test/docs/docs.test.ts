import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { sizeTable } from "../../scripts/sizes.mjs";
import { blocks, codeOf, isCode, pages, readPage, root } from "./blocks.js";
import { compile, declared } from "./compile.js";

const exec = promisify(execFile);

describe("the documentation", () => {
  it("has code that compiles unchanged in strict mode, against the package's own types and the SDKs'", () => {
    const code = blocks.filter(isCode).map((block) => ({ ...block, text: codeOf(block) }));
    expect(code.length).toBeGreaterThan(30);
    expect(compile(code)).toEqual([]);
    // More than a minute on a busy machine.
  }, 240_000);

  it("would not compile with a mistake", () => {
    const line = (line: string) => `import { CubeTokenManager } from "cube-token-manager";\n${line}`;
    const own: [mistake: string, text: string][] = [
      ["unknown option", line('new CubeTokenManager({ endpoint: "/token", refreshBefor: 1 });')],
      ["not strict", line("new CubeTokenManager({ fetchToken: async (context) => (own) => 1 });")],
      ["no import", 'new CubeTokenManager({ endpoint: "/token" });'],
    ];
    const sdks: [title: string, right: string, wrong: string][] = [
      ["Auth0", "getTokenSilently({", 'getTokenSilently({ cacheMod: "",'],
      ["Cognito, with Amplify", "tokens?.", "tokens."],
      ["Clerk", "session?.", "session."],
      ["Microsoft Entra ID, with MSAL", ".accessToken", ".accesToken"],
      ["Firebase", "currentUser?.", "currentUser."],
      ["NextAuth (Auth.js)", "session?.sub", "session.sub"],
      ["Any OpenID Connect provider, with oidc-client-ts", "())?.access_token", "()).access_token"],
    ];
    const code = [
      ...own.map(([where, text]) => ({ page: "README.md", where, file: undefined, text })),
      ...sdks.map(([where, right, wrong]) => {
        const { page, text } = blocks.find(({ title, text }) => title === where && text.includes(right))!;
        return { page, where, file: undefined, text: text.replace(right, wrong) };
      }),
    ];
    const found = compile(code).map((error) => error.replace(/, line .*/s, ""));
    expect(code.map(({ where }) => where).filter((where) => !found.includes(where))).toEqual([]);
  });

  it("declares nothing twice under one heading", () => {
    const seen = new Map<string, string>();
    for (const block of blocks.filter(isCode)) {
      for (const name of declared(codeOf(block))) {
        const key = `${block.page}: ${block.title}: ${name}`;
        expect(seen.get(key), `${block.where} declares ${name}, as another block does`).toBeUndefined();
        seen.set(key, block.where);
      }
    }
  });

  it.each(["session.ts", "dashboard.tsx"])("has the %s that test/browser runs in three engines", (file) => {
    const recipe = readFileSync(`${root}/test/browser/recipes/${file}`, "utf8");
    expect(readPage("README.md")).toContain(`\n${recipe}\`\`\`\n`);
  });

  it("has a README of at most 16 kB", () => {
    expect(statSync(`${root}/README.md`).size).toBeLessThanOrEqual(16_000);
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

  it("has an API reference whose links lead to a heading or a table row", () => {
    const folder = `${root}/docs/api`;
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      /\.md$/.test(name),
    );
    const links = files.flatMap((name) => {
      const text = readFileSync(join(folder, name), "utf8").replace(/^```[\s\S]*?^```/gm, "");
      return [...text.matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)].map(([, file, id]) => ({ name, file, id }));
    });
    expect(links.length).toBeGreaterThan(100);
    const lost = links.filter(({ name, file, id }) => {
      const target = file ? join(folder, name, "..", file) : join(folder, name);
      return !readFileSync(target, "utf8").includes(`<a id="${id}"></a>`);
    });
    expect(lost).toEqual([]);
  });

  it("names only files that exist", () => {
    for (const page of pages) {
      for (const [, path = ""] of readPage(page).matchAll(
        /`((?:src|test|bench|scripts|demo|docs)\/[\w./-]+)`/g,
      )) {
        expect(existsSync(`${root}/${path}`), `${page}: ${path}`).toBe(true);
      }
    }
  });

  it("has an API reference generated from the current TSDoc", async () => {
    const folder = mkdtempSync(join(tmpdir(), "api-"));
    await exec(resolve(root, "node_modules/.bin/typedoc"), ["--out", folder], { cwd: root });
    const read = (from: string) =>
      Object.fromEntries(
        (readdirSync(from, { recursive: true }) as string[])
          .filter((name) => name.endsWith(".md"))
          .map((name) => [name, readFileSync(join(from, name), "utf8")]),
      );
    // Outdated? "npm run docs" renews it.
    expect(read(`${root}/docs/api`)).toEqual(read(folder));
    rmSync(folder, { recursive: true });
  });

  it("gives the sizes that size-limit measures", async () => {
    // It fails if a limit is exceeded, but still prints the sizes.
    const measured = exec(resolve(root, "node_modules/.bin/size-limit"), ["--json"], { cwd: root });
    const { stdout } = await measured.catch((error) => error);
    const sizes: { name: string; size: number; passed: boolean }[] = JSON.parse(stdout);
    for (const { name, size, passed } of sizes) expect(passed, `${name}: ${size} bytes`).toBe(true);
    // Outdated? "npm run sizes -- --write" renews them.
    for (const [page, text] of Object.entries(sizeTable(sizes, readPage))) expect(readPage(page)).toBe(text);
  });

  it("counts the dependencies correctly", () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
    expect(readPage("README.md")).toContain(`dependencies-${Object.keys(dependencies).length}-`);
  });
});
