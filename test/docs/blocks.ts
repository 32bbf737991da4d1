import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

export interface Block {
  page: string;
  /** File and line, for error messages. */
  where: string;
  /** The last heading before it. */
  title: string;
  language: string;
  /** The name of its file, if its first line gives one ("// cube.ts"): other blocks import it. */
  file: string | undefined;
  text: string;
}

export const root = resolve(import.meta.dirname, "../..");

/** The hand-written pages; `docs/api` is generated from the sources. */
export const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  ...readdirSync(`${root}/docs`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export const readPage = (page: string): string => readFileSync(`${root}/${page}`, "utf8");

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let title = "";
  let open: Block | undefined;
  for (const [index, line] of readPage(page).split("\n").entries()) {
    const fence = /^ *```(\w*)/.exec(line);
    if (open && fence) {
      open.file = /^(?:\/\/|<!--) (\S+\.(?:tsx?|vue|svelte))\b/.exec(open.text)?.[1];
      blocks.push(open);
      open = undefined;
    } else if (open) open.text += `${line}\n`;
    else if (fence)
      open = {
        page,
        where: `${page}:${index + 1}`,
        title,
        language: fence[1] ?? "",
        file: undefined,
        text: "",
      };
    else title = /^#+ (.*)/.exec(line)?.[1] ?? title;
  }
  return blocks;
}

export const blocks: Block[] = pages.flatMap(blocksOf);

export const isCode = ({ language }: Block): boolean =>
  ["js", "jsx", "ts", "tsx", "html", "vue", "svelte"].includes(language);

/** A block's code as TypeScript; for a page or component, the code of its script elements. */
export function codeOf({ language, text }: Block): string {
  if (!["html", "vue", "svelte"].includes(language)) return text;
  const code = [...text.matchAll(/<script(?![^>]*src=)[^>]*>([\s\S]*?)<\/script>/g)].map(([, code]) => code);
  // The global of the script-tag file.
  if (language === "html") code.unshift('import * as cubeTokenManager from "cube-token-manager/full";');
  return code.join("\n");
}

/** Modules that every page may import: those of the README, and the application's own. */
export const shared: Record<string, string> = {
  ...Object.fromEntries(
    blocks
      .filter(({ page, file }) => page === "README.md" && file)
      .map((block) => [block.file, codeOf(block)]),
  ),
  "current-user.ts": `
    export interface User { id: string; tenantId: string }
    export declare function currentUser(request: unknown): Promise<User | undefined>;`,
  "auth.ts": `
    export declare function accessToken(): Promise<string>;
    export declare function csrfToken(): string;
    export declare const gatewayCredentials: string;`,
};

/** The package's import paths in an application, and their files here. */
export const aliases: Record<string, string> = {
  "cube-token-manager": `${root}/src/index.ts`,
  "cube-token-manager/full": `${root}/src/full.ts`,
  ...Object.fromEntries(
    ["cube", "react", "frames", "isolated", "devtools"].map((entry) => [
      `cube-token-manager/${entry}`,
      `${root}/src/${entry}/index.ts`,
    ]),
  ),
};
