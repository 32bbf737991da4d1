import { build, install, root } from "./run.mjs";

await install();
await build();
// Cube's Rust binary and other downloads of install scripts are not needed, see demo/cube/native.mjs.
await install(`${root}/demo`, "--ignore-scripts");
await import("../demo/server.mjs");
