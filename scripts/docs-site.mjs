/**
 * Builds the documentation site, with search, into build/site, from the pages that GitHub shows. Links between them become
 * links of the site, and links to other files lead to GitHub. A link to a missing file, page or heading fails the build.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { installSite, must, root } from "./run.mjs";

const REPOSITORY = "https://github.com/cube-token-manager/cube-token-manager/blob/main/";

/** Returns where a page or an image of the repository goes on the site. */
function target(file) {
  const own = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
  }[file];
  if (own) return own;
  if (/^docs\/[\w./-]+\.md$/.test(file)) return file.slice("docs/".length).replace(/README\.md$/, "index.md");
  return /^docs\/.*\.(svg|png)$/.test(file) ? `public/${file.slice("docs/".length)}` : undefined;
}

/** @param {string} file the file that contains the link. */
function linkOf(file, href) {
  if (/^(https?:|mailto:|#)/.test(href)) return href;
  const [path, anchor = ""] = href.split("#");
  const to = posix.join(posix.dirname(file), path);
  if (!existsSync(`${root}/${to}`)) throw new Error(`${file}: the link ${href} is broken.`);
  const hash = anchor && `#${anchor}`;
  const page = target(to);
  if (!page) return REPOSITORY + to + hash;
  return `/${page.replace(/^public\//, "").replace(/(index)?\.md$/, "")}${hash}`;
}

/** Converts a page for the site. Code blocks stay unchanged. */
function pageOf(file, text) {
  let inCode = false;
  return text
    .split("\n")
    .map((line) => {
      if (/^ *```/.test(line)) inCode = !inCode;
      if (inCode) return line;
      return line
        .replace(/\]\(([^)\s]+)\)/g, (_, href) => `](${linkOf(file, href)})`)
        .replace(/\b(src|srcset)="([^"]+)"/g, (_, name, href) => `${name}="${linkOf(file, href)}"`);
    })
    .join("\n");
}

/** VitePress checks links to pages, but not to headings. */
function checkAnchors() {
  const site = `${root}/build/site`;
  const base = process.env.DOCS_BASE ?? "/";
  const names = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html"));
  const pages = new Map(
    names.map((name) => [base + name.replaceAll("\\", "/"), readFileSync(join(site, name), "utf8")]),
  );
  for (const [page, html] of pages) {
    for (const [, path, id] of html.matchAll(/href="([^"#:]*)#([^"]+)"/g)) {
      const to = path ? path.replace(/\/$/, "/index").replace(/(\.html)?$/, ".html") : page;
      if (pages.get(to)?.includes(`id="${id}"`)) continue;
      throw new Error(`${page}: the link ${path}#${id} leads to no heading.`);
    }
  }
}

await installSite();
const source = `${root}/docs/.site`;
await rm(source, { recursive: true, force: true });
const files = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync(`${root}/docs`, { recursive: true })
    .map((name) => `docs/${name.replaceAll("\\", "/")}`)
    .filter((name) => !/\/(node_modules|\.[^/]+)\//.test(name)),
];
for (const file of files) {
  const to = target(file);
  if (!to) continue;
  await mkdir(join(source, dirname(to)), { recursive: true });
  if (to.endsWith(".md"))
    await writeFile(join(source, to), pageOf(file, await readFile(`${root}/${file}`, "utf8")));
  else await cp(`${root}/${file}`, join(source, to));
}
await must("npx", ["vitepress", "build"], { cwd: `${root}/docs` });
await rm(source, { recursive: true });
checkAnchors();
console.log("The site is in build/site.");
