import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

export interface Block {
  /** File and line, for whoever has to mend it. */
  where: string;
  /** The last heading, or the last bold beginning of a paragraph, before it. */
  title: string;
  language: string;
  text: string;
}

const root = resolve(import.meta.dirname, "../..");

/** The pages that people write; `docs/api` is made from the sources. */
export const pages = [
  "README.md",
  "CONTRIBUTING.md",
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
      blocks.push(open);
      open = undefined;
    } else if (open) open.text += `${line}\n`;
    else if (fence) open = { where: `${page}:${index + 1}`, title, language: fence[1] ?? "", text: "" };
    else title = /^#+ (.*)/.exec(line)?.[1] ?? /^\*\*(.*?)\*\*/.exec(line)?.[1] ?? title;
  }
  return blocks;
}

export const blocks: Block[] = pages.flatMap(blocksOf);

/** The code of a block as TypeScript: that of its script elements, for HTML. */
export const codeOf = ({ language, text }: Block): string =>
  language === "html"
    ? [...text.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, code]) => code).join("\n")
    : text;

export const isCode = ({ language }: Block): boolean => ["js", "jsx", "ts", "tsx", "html"].includes(language);
