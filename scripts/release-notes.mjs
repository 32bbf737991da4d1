/**
 * Prints the text of a release: the section of its version in CHANGELOG.md, in the format of https://keepachangelog.com.
 * The release workflow runs it, and stops if that section, its date or package.json's version does not match the tag:
 * `npm run release-notes -- --tag v1.2.3`.
 */
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { readArguments } from "./arguments.mjs";
import { root } from "./run.mjs";

const isDate = (text) => {
  const date = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(+date) && date.toISOString().startsWith(text);
};

/** Lines inside code fences are never headings. */
function sectionsOf(changelog) {
  const sections = [];
  let inCode = false;
  for (const line of changelog.split(/\r?\n/)) {
    if (line.startsWith("```")) inCode = !inCode;
    if (!inCode && line.startsWith("## ")) sections.push({ title: line.slice(3).trim(), lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections.map(({ title, lines }) => {
    const [, name, date = ""] = /^\[?([^\]\s]+)\]?(?: - (.*))?$/.exec(title) ?? [];
    return { name, date, text: lines.join("\n").trim() };
  });
}

/**
 * @param {{ tag: string; version: string; changelog: string }} release `version`: from package.json.
 * @returns {string} the text of the section.
 * @throws {Error} if the release is not ready.
 */
export function releaseNotes({ tag, version, changelog }) {
  if (tag !== `v${version}`) {
    throw new Error(`The tag is "${tag}", but package.json has version ${version}: tag it v${version}.`);
  }
  const sections = sectionsOf(changelog);
  const [section, another] = sections.filter(({ name }) => name === version);
  const heading = `"## [${version}] - YYYY-MM-DD"`;
  if (!section) throw new Error(`CHANGELOG.md has no section for ${version}: add ${heading}.`);
  if (another) throw new Error(`CHANGELOG.md has two sections for ${version}: keep one.`);
  if (!isDate(section.date)) {
    throw new Error(`The section for ${version} in CHANGELOG.md has no date: write ${heading}.`);
  }
  if (!section.text)
    throw new Error(`The section for ${version} in CHANGELOG.md is empty: describe the changes.`);
  const unreleased = sections.find(({ name }) => name?.toLowerCase() === "unreleased");
  if (unreleased?.text) {
    throw new Error(`CHANGELOG.md still has changes under "Unreleased": move them to ${version}.`);
  }
  return section.text;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { tag } = readArguments("npm run release-notes -- --tag v1.2.3", { tag: /./ });
  const read = (name) => readFile(`${root}/${name}`, "utf8");
  const { version } = JSON.parse(await read("package.json"));
  try {
    console.log(releaseNotes({ tag: tag ?? `v${version}`, version, changelog: await read("CHANGELOG.md") }));
  } catch ({ message }) {
    console.error(message);
    process.exitCode = 1;
  }
}
