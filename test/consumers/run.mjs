import { fileURLToPath } from "node:url";
import { install, pack } from "../support/project.mjs";
import { CORE, consumers, REACT } from "./list.mjs";

const shared = { ...CORE, ...REACT };
export const list = (dependencies) =>
  dependencies.map(([name, version]) => `\`${name}\` ${version}`).join(", ");

/** The column heads of the table. */
export const head = ["", `with, in addition to ${list(Object.entries(shared))}`, "tested"];

/** The exact versions of a project, except those common to all. */
export const versionsOf = ({ dependencies }) =>
  list(Object.entries(dependencies).filter(([name, version]) => shared[name] !== version)) || "–";

/** Installs a project with the packed package, and runs its test; resolves to the observations. */
export async function consume(name) {
  const { files, dependencies, node, manifest, test } = consumers[name];
  const project = await install(
    name,
    { ...dependencies, "cube-token-manager": `file:${await pack()}` },
    { files: fileURLToPath(new URL(`projects/${files}`, import.meta.url)), node, manifest },
  );
  return test(project);
}
