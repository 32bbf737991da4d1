import { buildIfChanged, install, installDemo } from "./run.mjs";

await Promise.all([install(), installDemo()]);
await buildIfChanged();
await import("../demo/server.mjs");
