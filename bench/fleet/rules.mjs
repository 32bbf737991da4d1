import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const { outputFiles } = await build({
  stdin: {
    contents: `
      export { calmDelay, place, plan, retryDelay } from "./core/schedule.ts";
      export { DEFAULTS } from "./options.ts";`,
    resolveDir: fileURLToPath(new URL("../../src", import.meta.url)),
    loader: "ts",
  },
  bundle: true,
  write: false,
  format: "esm",
});
const source = Buffer.from(outputFiles[0].text).toString("base64");
const { calmDelay, place, plan, retryDelay, DEFAULTS } = await import(
  `data:text/javascript;base64,${source}`
);

/**
 * When a client sends requests, in ms: `next()` plans the refresh of a new token, `retry()` returns the delay after that
 * many failures.
 *
 * @typedef {{ refreshAt: number, usableUntil: number, expiresAt: number, life: number }} Plan
 * @typedef {{
 *   next(now: number, expiresAt: number, isFirst: boolean, random: () => number): Plan,
 *   retry(failures: number, now: number, plan: Plan, random: () => number): number,
 * }} Rule
 */

/** This package's own rule, from its source. @type {Rule} */
export const ours = {
  next: (now, expiresAt, isFirst, random) => plan(now, expiresAt, place(random(), isFirst), DEFAULTS),
  retry(failures, now, { usableUntil, life }, random) {
    const draw = random();
    return Math.max(retryDelay(failures, draw), calmDelay(failures, draw, usableUntil - now, life));
  },
};

/** A minute before expiry, like other SDKs, and every five seconds after a failure. @type {Rule} */
export const fixedMargin = {
  next: (now, expiresAt) => ({
    refreshAt: expiresAt - 60_000,
    usableUntil: expiresAt,
    expiresAt,
    life: expiresAt - now,
  }),
  retry: () => 5000,
};
