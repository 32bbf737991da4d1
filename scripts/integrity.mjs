/**
 * Checks the README's script tags: their version, and the hash with which a browser verifies the file
 * (https://www.w3.org/TR/sri-2/). Every change of the code changes it: run `npm run integrity -- --write` last.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { readArguments } from "./arguments.mjs";
import { root } from "./run.mjs";

const TAG =
  /<script src="(https:\/\/(?:unpkg\.com|cdn\.jsdelivr\.net\/npm)\/cube-token-manager)[^/"]*\/dist\/([^"]+)"[^>]*>/g;

/** Returns the README with the script tags of this build. */
export async function withIntegrity(readme) {
  const { version } = JSON.parse(await readFile(`${root}/package.json`, "utf8"));
  const names = [...readme.matchAll(TAG)].map(([, , name]) => name);
  if (!names.length) throw new Error("The README has no script tag from unpkg.com or cdn.jsdelivr.net.");
  const hashes = {};
  for (const name of names) {
    const hash = createHash("sha384").update(await readFile(`${root}/dist/${name}`));
    hashes[name] = `sha384-${hash.digest("base64")}`;
  }
  return readme.replace(
    TAG,
    (_, address, name) =>
      `<script src="${address}@${version}/dist/${name}" integrity="${hashes[name]}" crossorigin="anonymous">`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { write } = readArguments("npm run integrity [-- --write]", { write: true });
  const before = await readFile(`${root}/README.md`, "utf8");
  const after = await withIntegrity(before);
  if (write) await writeFile(`${root}/README.md`, after);
  else if (before !== after) {
    console.error("The README's script tag does not match this build. Run: npm run integrity -- --write");
    process.exitCode = 1;
  }
}
