import { build, install, installDemo } from "./run.mjs";

await install();
await build();
await installDemo();
await import("../demo/server.mjs");
