import { parseArgs } from "node:util";

/** Patterns for the values of options. */
export const COUNT = /^[1-9]\d*$/;
export const SEED = /^\d+$/;
export const PATH = /^\d+(:\d+)*$/;

/**
 * Parses the command line. If it is invalid, prints the usage and exits with code 2.
 *
 * @param {string} usage
 * @param {Record<string, true | RegExp>} options by name, each with the pattern of its value, or `true` for a flag.
 * @returns {Record<string, string | boolean | undefined>}
 */
export function readArguments(usage, options) {
  try {
    const { values } = parseArgs({
      options: Object.fromEntries(
        Object.entries(options).map(([name, kind]) => [name, { type: kind === true ? "boolean" : "string" }]),
      ),
    });
    for (const [name, value] of Object.entries(values)) {
      if (options[name] !== true && !options[name].test(value)) throw new Error();
    }
    return values;
  } catch {
    console.error(`Usage: ${usage}`);
    process.exit(2);
  }
}
