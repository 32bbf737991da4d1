import { parseArgs } from "node:util";

/** What the value of an option must look like. */
export const COUNT = /^[1-9]\d*$/;
export const SEED = /^\d+$/;
export const PATH = /^\d+(:\d+)*$/;

/**
 * The command line, or its usage and exit code 2.
 *
 * @param {string} usage
 * @param {Record<string, true | RegExp>} options by name; `true` for one without a value.
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
