import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cubeVersions } from "../consumers/cube-versions.mjs";
import { list } from "../consumers/run.mjs";
import { readRows } from "../support/compatibility.mjs";
import { runtimes } from "./list.mjs";
import { startServer } from "./server.mjs";

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

describe("the scenario", () => {
  // The others need more than npm packages, or more time: "npm run runtimes".
  it.concurrent.each(["node-20", "react-native"])("runs on %s", async (name) => {
    await runtimes[name]!.test({ url: server.url, run: `${name}-${Date.now()}` });
  });
});

describe("docs/compatibility.md", () => {
  it("has a row for every runtime, with the tested version", () => {
    // Outdated? "npm run runtimes" renews it.
    const rows = readRows("runtimes");
    expect([...rows.keys()]).toEqual(Object.values(runtimes).map(({ title }) => title));
    for (const { title, packages } of Object.values(runtimes)) {
      const [versions, seen] = rows.get(title)!;
      expect(versions).toBe(list(Object.entries(packages)) || "–");
      expect(seen).not.toContain("does not work");
    }
  });

  it("has a row for every version of Cube's client", () => {
    // Outdated? "npm run cube-versions" renews it.
    const rows = readRows("cube");
    expect([...rows.keys()]).toEqual(cubeVersions.map(({ core }) => `\`${core}\``));
    for (const [, seen] of rows.values()) expect(seen).not.toContain("does not work");
  });
});
