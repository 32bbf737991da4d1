/** Why a change of the code may go unnoticed by the unit tests; the first that fits. @type {[reason: string, fits: (mutant: Mutant) => boolean][]} */
const reasons = [
  [
    "A boundary: the two differ at one exact instant or length, and either is right there",
    ({ mutatorName, before, replacement }) =>
      mutatorName === "EqualityOperator" &&
      before.replaceAll("=", "").replace(/\s/g, "") === replacement.replaceAll("=", "").replace(/\s/g, ""),
  ],
  [
    "The words of a message that no test repeats",
    ({ mutatorName, text }) =>
      mutatorName === "StringLiteral" &&
      /Error\(|fail\(|invalid\w*\(|must be|holds no|Unknown option/.test(text),
  ],
  [
    "Tidying up a moment earlier: what is left after dispose() is counted, not what is left until then",
    ({ text }) => /removeEventListener|clearTimeout|clearInterval|finally|cancel\(\)|unref/.test(text),
  ],
  [
    "A question mark for surroundings that lack the member, which those of the unit tests have",
    ({ mutatorName }) => mutatorName === "OptionalChaining",
  ],
  [
    "An absent field and one that is undefined read the same",
    ({ text }) => /\.\.\.\(.*(!== undefined|!== Infinity).*&&/.test(text),
  ],
  [
    "An initial or default value that is set, or told apart from nothing, before it is read",
    ({ text, mutatorName }) =>
      /^#\w+.* = /.test(text) || (mutatorName !== "ConditionalExpression" && /(\?\?|= "")/.test(text)),
  ],
  [
    "Who came first, told by the millisecond: the simulation lives two users' managers made at once",
    ({ text }) => /SAME_TIME|\btie\b|\bby\b|madeAt|#age|"started"/.test(text),
  ],
  [
    "One of several checks on the same way out: sign-out, dispose() and unsubscribe() are looked for before and after each step",
    ({ text }) =>
      /aborted|throwIfAborted|#over|settled|#live|#listening|ended|#disposed|#inner !== inner|ws !== ws|mine/.test(
        text,
      ),
  ],
  [
    "A second reason for what another condition holds already",
    ({ mutatorName, text }) =>
      ["ConditionalExpression", "LogicalOperator"].includes(mutatorName) && /&&|\|\||\?/.test(text),
  ],
];

/** What asks beyond the unit tests, by file or folder; the first that fits. @type {[path: string, reason: string][]} */
const beyond = [
  [
    "src/core/clock.ts",
    "Wrong clocks that jump: `test/unit/clocks.test.ts` with other constants, and the simulation",
  ],
  ["src/core/", "Between tabs, or under failures: lived by the simulation (`npm run simulate`)"],
  ["src/manager.ts", "Between tabs, or under failures: lived by the simulation (`npm run simulate`)"],
  ["src/tabs/lock.ts", "Web Locks as browsers have them: `test/browser/scenarios/tabs.ts`"],
  ["src/tabs/channel.ts", "Messages as browsers bring them: `test/browser/scenarios/tabs.ts`"],
  ["src/tabs/", "The order of two tabs' steps: every one is lived (`npm run explore`)"],
  ["src/cube/socket/", "A real server's socket and its timing: `test/cube/websocket.test.ts`"],
  ["src/cube/", "Cube's own client around it: `test/cube/http.test.ts`"],
  ["src/storage/cookie.ts", "Browsers' own cookies: `test/browser/scenarios/`"],
  [
    "src/storage/browser.ts",
    "Runtimes as they are: browsers in `test/browser/`, Node in `test/unit/node.test.ts`",
  ],
  [
    "src/storage/safe.ts",
    "Storages that fail for a while: the simulation, and a full, blocked or closed storage in `test/browser/scenarios/pages.ts`",
  ],
];

/**
 * @typedef {{ file: string, text: string, before: string, replacement: string, mutatorName: string }} Mutant
 * @param {Mutant} mutant
 */
export const reasonFor = (mutant) =>
  reasons.find(([, fits]) => fits(mutant))?.[0] ??
  beyond.find(([path]) => mutant.file.startsWith(path))?.[1] ??
  "A detail of a format: what it lets through is refused by what reads it next (`test/fuzz/`)";
