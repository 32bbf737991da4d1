import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPage, root } from "./blocks.js";
import { type Code, compile } from "./compile.js";
import { exampleCode } from "./examples.js";
import { documented } from "./tsdoc.js";

describe("the TSDoc", () => {
  const all = documented();

  it("has an example for every export, and for each of its members", () => {
    expect(all.length).toBeGreaterThan(150);
    const without = all.filter(({ examples }) => examples.length === 0);
    expect(without.map(({ name, where }) => `${name} (${where})`)).toEqual([]);
  });

  it("has examples that compile in strict mode", () => {
    expect(compile(exampleCode(all))).toEqual([]);
  }, 240_000);

  it("has no example that would compile with a mistake", () => {
    const code = exampleCode(all);
    const wrong = (name: string, right: string, mistake: string): Code => {
      const found = code.find(({ where, text }) => where.startsWith(`${name} (`) && text.includes(right))!;
      return { ...found, text: found.text.replace(right, mistake) };
    };
    const mistakes = [
      wrong("CommonOptions.refreshBefore", "refreshBefore", "refreshbefore"),
      wrong("TokenEvent.retryIn", "event.retryIn", "event.retryAfter"),
      wrong("CubeTokenError.status", "isCubeTokenError(error) && ", ""),
      wrong("customStorage", "customStorage(AsyncStorage)", "customStorage({ AsyncStorage })"),
    ];
    const found = compile([code[0]!, ...mistakes]).map((error) => error.replace(/, line .*/s, ""));
    expect(found).toEqual(mistakes.map(({ where }) => where));
  }, 240_000);

  it("names every parameter, even a destructured one", () => {
    const reference = readdirSync(`${root}/docs/api`, { recursive: true, encoding: "utf8" });
    for (const name of reference.filter((name) => name.endsWith(".md"))) {
      expect(readPage(`docs/api/${name}`), name).not.toContain("__namedParameters");
    }
  });
});
