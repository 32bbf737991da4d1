import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { releaseNotes } from "../../scripts/release-notes.mjs";

const changelog = `# Changelog

## [Unreleased]

## [1.2.0] - 2027-01-31

### Added

- Something.

\`\`\`md
## [9.9.9] - 2027-01-31
\`\`\`

## [1.1.0-rc.1] - 2026-12-01

- A candidate.

## 1.0.0 - 2026-11-30

- The first.

## [0.9.0]

- Undated.

## [0.8.0] - 2026-02-30

- On a day that there is not.

## [0.7.0] - 2026-01-01

## [0.6.0] - 2026-01-01

- Once.

## [0.6.0] - 2026-01-02

- Twice.
`;

const notes = (version: string, text = changelog, tag = `v${version}`) =>
  releaseNotes({ tag, version, changelog: text });

describe("the text of a release", () => {
  it.each([
    ["1.2.0", "### Added\n\n- Something.\n\n```md\n## [9.9.9] - 2027-01-31\n```"],
    ["1.1.0-rc.1", "- A candidate."],
    ["1.0.0", "- The first."],
  ])("%s is its section of the changelog", (version, text) => {
    expect(notes(version)).toBe(text);
    expect(notes(version, changelog.replaceAll("\n", "\r\n"))).toBe(text);
  });

  it.each([
    ["1.3.0", "has no section for 1.3.0"],
    ["9.9.9", "has no section for 9.9.9"],
    // A part of a version is another version.
    ["1.1.0", "has no section for 1.1.0"],
    ["0.9.0", "has no date"],
    ["0.8.0", "has no date"],
    ["0.7.0", "is empty"],
    ["0.6.0", "has two sections"],
  ])("is refused for %s: CHANGELOG.md %s", (version, message) => {
    expect(() => notes(version)).toThrow(message);
  });

  it.each(["v1.2.1", "1.2.0", "v1.2", "v1.2.0 ", "nightly"])("is refused for the tag %j", (tag) => {
    expect(() => notes("1.2.0", changelog, tag)).toThrow(/^The tag is .*: tag it v1\.2\.0/);
  });

  it("is refused while there are changes under Unreleased", () => {
    for (const heading of ["## [Unreleased]", "## Unreleased"]) {
      const text = changelog.replace("## [Unreleased]", `${heading}\n\n- Forgotten.`);
      expect(() => notes("1.2.0", text)).toThrow('still has changes under "Unreleased"');
    }
  });
});

describe("npm run release-notes", () => {
  const run = (...args: string[]) =>
    spawnSync("node", ["scripts/release-notes.mjs", ...args], { encoding: "utf8" });

  it("exits with 1 and says what is missing", () => {
    const { status, stdout, stderr } = run("--tag", "v99.0.0");
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^The tag is "v99\.0\.0", but package\.json has version /);
  });

  it("prints its usage, and exits with 2", () => {
    const { status, stderr } = run("v1.0.0");
    expect(stderr).toContain("Usage: npm run release-notes -- --tag ");
    expect(status).toBe(2);
  });
});

describe("CHANGELOG.md", () => {
  it("lists changes, whether released or not", () => {
    const text = readFileSync("CHANGELOG.md", "utf8");
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    const dated = text.replace(/^## \[?Unreleased\]?$/im, `## [${version}] - 2027-01-31`);
    expect(notes(version, dated)).toContain("- ");
  });
});
