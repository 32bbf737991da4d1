import { build, install, installDemo } from "./run.mjs";

await Promise.all([install(), installDemo()]);
await build();
await import("../demo/server.mjs");
