import { rm } from "node:fs/promises";
import { build, install, root } from "./run.mjs";

await install();
for (const folder of ["build", "dist"]) await rm(`${root}/${folder}`, { recursive: true, force: true });
await build();
