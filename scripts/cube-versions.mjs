/** Tests Cube's client, from version 1.0 on, against a real Cube server. */
import { fileURLToPath } from "node:url";
import { cubeVersions } from "../test/consumers/cube-versions.mjs";
import { readArguments } from "./arguments.mjs";
import { build, install, installDemo } from "./run.mjs";

const names = cubeVersions.map(({ core }) => core);
const usage = `npm run cube-versions [-- --only VERSION[,VERSION]]\nVersions: ${names.join(", ")}`;
const isName = { test: (value) => value.split(",").every((name) => names.includes(name)) };
const { only } = readArguments(usage, { only: isName });

await Promise.all([install(), installDemo()]);
await build();

const { closeAll, cubePort, SECRET } = await import("../test/consumers/site.mjs");
const { writeRows } = await import("../test/support/compatibility.mjs");
const project = await import("../test/support/project.mjs");
const { typeProblems } = await import("../test/consumers/types.mjs");

const apiUrl = `http://127.0.0.1:${await cubePort()}/cubejs-api/v1`;
const files = (name) => fileURLToPath(new URL(`../test/consumers/projects/${name}`, import.meta.url));
const rows = new Map();
let failed = 0;

for (const { core, ws } of cubeVersions) {
  if (only && !only.split(",").includes(core)) continue;
  let seen;
  try {
    const dependencies = {
      "@cubejs-client/core": core,
      "@cubejs-client/ws-transport": ws,
      "cube-token-manager": `file:${await project.pack()}`,
      typescript: "6.0.3",
    };
    const it = await project.install(`cube-${core}`, dependencies, {
      files: files("cube"),
      // ws-transport depends on its own version of Cube's client.
      manifest: { overrides: { "@cubejs-client/core": core } },
    });
    const output = await it.run("node", ["program.cjs"], { env: { ...it.env, apiUrl, SECRET } });
    const lines = output.split("\n").filter((line) => /^(ok|failed) /.test(line));
    const bad = output.split(/^(?=ok |failed )/m).filter((step) => !step.startsWith("ok "));
    if (bad.length || lines.length !== 5) throw new Error(bad.join("\n") || output);
    const problems = await typeProblems(
      it,
      "--noEmit --module es2020 --moduleResolution bundler app.ts".split(" "),
    );
    if (problems) throw new Error(problems);
    // The ES modules of some versions need a bundler. Where they load, ours must load with them.
    const loads = await it.run("node", ["core.mjs"]).then(
      () => true,
      () => false,
    );
    if (loads) await it.run("node", ["import.mjs"]);
    seen = `${lines.map((line) => line.slice(3)).join(", ")}; types`;
    if (!loads) seen += "; on Node only with `require`: its own ES modules do not load there";
    console.log(`ok      ${core}: ${seen}`);
  } catch (error) {
    failed++;
    seen = "**does not work**";
    console.error(`FAILED  ${core}\n${error.message}\n`);
  }
  rows.set(`\`${core}\``, [`\`${ws}\``, seen]);
}
await closeAll();
const order = names.map((name) => `\`${name}\``);
writeRows("cube", ["`@cubejs-client/core`", "`@cubejs-client/ws-transport`", "tested"], order, rows);
console.log(`\n${rows.size - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
