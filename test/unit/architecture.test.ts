import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, it } from "vitest";

interface Import {
  readonly from: string;
  readonly isType: boolean;
}

interface SourceFile {
  readonly text: string;
  readonly imports: readonly Import[];
}

const files = new Map<string, SourceFile>(
  readdirSync("src", { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const text = readFileSync(`src/${name}`, "utf8");
      const imports = [...text.matchAll(/^(?:import|export)\s+(type\s+)?([^;]*?)from "(\.[^"]+)\.js";/gms)];
      return [
        name,
        {
          text,
          imports: imports.map(([, type, names = "", path = ""]) => ({
            from: `${posix.join(posix.dirname(name), path)}.ts`,
            // Also `import { type A, type B }`.
            isType: !!type || /^\{(\s*type \w+,?)+\s*\}/.test(names),
          })),
        },
      ];
    }),
);

const of = (folder: string) => [...files].filter(([name]) => name.startsWith(`${folder}/`));

/** The decisions: state, event and a reading of the clock in, a change out. */
const PURE = [
  "core/adopt.ts",
  "core/budget.ts",
  "core/held.ts",
  "core/schedule.ts",
  "core/serve.ts",
  "core/snapshot.ts",
  "core/state.ts",
  "core/token.ts",
  "core/without-cause.ts",
  "core/witnesses.ts",
  "errors.ts",
  "storage/hash.ts",
  "storage/key.ts",
  "storage/pieces.ts",
  "storage/record.ts",
  "tabs/messages.ts",
  "tabs/recall.ts",
  "types.ts",
];

it("finds every internal import, so that these tests cover all of them", () => {
  expect(files.size).toBeGreaterThan(40);
  for (const [name, { text, imports }] of files) {
    expect(imports.length, name).toBe((text.match(/from "\.[^"]+\.js"/g) ?? []).length);
    for (const { from } of imports) expect(files.has(from), `${name} imports ${from}`).toBe(true);
  }
});

it("has no circular imports, not even of types", () => {
  const done = new Set<string>();
  const visit = (name: string, path: string[]): void => {
    expect(path, "a circle").not.toContain(name);
    if (done.has(name)) return;
    for (const { from } of files.get(name)?.imports ?? []) visit(from, [...path, name]);
    done.add(name);
  };
  for (const name of files.keys()) visit(name, []);
});

it("core/ imports nothing that is built on it", () => {
  for (const [name, { imports }] of of("core")) {
    for (const { from } of imports) {
      expect(from, name).not.toMatch(/^(tabs|storage|cube|react|frames|isolated|devtools|doctor)\//);
    }
  }
});

it("storage/ imports tabs/ in one place, and tabs/ nothing of cube/", () => {
  for (const [name, { imports }] of of("storage")) {
    const tabs = imports.filter(({ from }) => from.startsWith("tabs/"));
    expect(
      tabs.map(({ from }) => from),
      name,
    ).toEqual(name === "storage/connectable.ts" ? ["tabs/connect.ts"] : []);
  }
  for (const [name, { imports }] of of("tabs")) {
    for (const { from } of imports) expect(from, name).not.toMatch(/^(cube|react)\//);
  }
});

it("only the index uses the manager itself", () => {
  for (const [name, { imports }] of files) {
    const uses = imports.some(({ from, isType }) => from === "manager.ts" && !isType);
    expect(uses, name).toBe(/^(index|isolated\/.*|react\/.*)\.ts$/.test(name) && uses);
  }
  expect(files.get("index.ts")?.imports.some(({ from }) => from === "manager.ts")).toBe(true);
});

it.each(PURE)("%s is pure: no clock, timer, randomness, promise or page", (name) => {
  const { text, imports } = files.get(name)!;
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  expect(code).not.toMatch(
    /Date\.now|performance\b|set(Timeout|Interval)|queueMicrotask|Math\.random|new Promise|\basync\b|\bawait\b|globalThis|document\.|navigator|window\./,
  );
  for (const { from, isType } of imports) {
    if (!isType) expect(PURE, `${name} imports ${from}`).toContain(from);
  }
});

it("no file is longer than 230 lines", () => {
  for (const [name, { text }] of files) expect(text.split("\n").length - 1, name).toBeLessThanOrEqual(230);
});
