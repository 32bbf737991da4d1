import { type Asked, HELP, readArgs, USAGE } from "./args.js";
import { diagnose } from "./diagnose.js";
import { toLine } from "./finding.js";

/** The exit codes. */
const RIGHT = 0;
const WRONG = 1;
const MISUSED = 2;

/** @returns the exit code: 1 if something is wrong, 2 for invalid arguments. */
export async function main(
  args: string[],
  print: (line: string) => void,
  printError: (line: string) => void,
): Promise<number> {
  let asked: Asked | "help";
  try {
    asked = readArgs(args);
  } catch (error) {
    // Node's message about an unknown argument may contain a cookie that was passed without quotes.
    const { name, code, message } = error as Error & { code?: string };
    printError(name === "TypeError" && !code ? `${message}\n${USAGE}` : USAGE);
    return MISUSED;
  }
  if (asked === "help") {
    print(HELP);
    return RIGHT;
  }
  const { findings, secrets } = await diagnose(asked);
  for (const finding of findings) print(toLine(finding, secrets));
  return findings.some(({ kind }) => kind === "wrong") ? WRONG : RIGHT;
}
