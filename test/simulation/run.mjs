import fc from "fast-check";
import { buildScript } from "./build.mjs";
import { kinds, live } from "./history.mjs";

const step = fc.record({
  kind: fc.constantFrom(...kinds),
  wait: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40_000 })),
  a: fc.nat(9),
  b: fc.nat(9),
});

/**
 * Runs random histories from one seed, and shrinks the first that violates an invariant.
 *
 * @param {object} options
 * @param {number} options.histories
 * @param {number} [options.seed]
 * @param {string} [options.path] of the failing history, as it was printed.
 * @param {{ file: string, from: string, to: string }[]} [options.edits] of the sources.
 * @param {boolean} [options.shrink]
 * @param {(lived: number) => void} [options.onProgress] called after each history, until one violates an invariant.
 * @param {(violation: string) => void} [options.onViolation] called then, before the history is shrunk.
 * @returns {Promise<undefined | { seed: number, path: string, violation: string, history: string[], steps: object[] }>}
 */
export async function simulate({ histories, seed, path, edits, shrink = true, onProgress, onViolation }) {
  const script = await buildScript(edits);
  let last;
  let lived = 0;
  const property = fc.asyncProperty(
    fc.nat(),
    fc.array(step, { maxLength: 40, size: "max" }),
    async (world, steps) => {
      const { violation, history } = await live(script, world, steps);
      // Lets other tasks of this process run.
      await new Promise(setImmediate);
      if (violation && !last) onViolation?.(violation);
      if (violation) last = { violation, history, steps };
      if (!last) onProgress?.(++lived);
      return !violation;
    },
  );
  const result = await fc.check(property, {
    numRuns: histories,
    ...(seed !== undefined && { seed }),
    ...(path !== undefined && { path }),
    endOnFailure: !shrink,
  });
  if (!result.failed) return undefined;
  if (!last) throw result.errorInstance;
  return { seed: result.seed, path: result.counterexamplePath, ...last };
}
