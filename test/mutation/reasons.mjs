/** Why the unit tests may miss a change of the code; the first match counts. @type {[reason: string, fits: (mutant: Mutant) => boolean][]} */
const reasons = [
  [
    "A boundary: the two differ at one exact instant or length, and both are correct there",
    ({ mutatorName, before, replacement }) =>
      mutatorName === "EqualityOperator" &&
      before.replaceAll("=", "").replace(/\s/g, "") === replacement.replaceAll("=", "").replace(/\s/g, ""),
  ],
  [
    "The wording of a message that no test repeats",
    ({ mutatorName, text }) =>
      mutatorName === "StringLiteral" &&
      /Error\(|fail\(|invalid\w*\(|must be|holds no|Unknown option/.test(text),
  ],
  [
    "Cleaning up a moment earlier: tests count what is left after dispose(), not before it",
    ({ text }) => /removeEventListener|clearTimeout|clearInterval|finally|cancel\(\)|unref/.test(text),
  ],
  [
    "Optional chaining for a runtime that lacks the member, which the unit tests have",
    ({ mutatorName }) => mutatorName === "OptionalChaining",
  ],
  [
    "An absent field and an undefined one are equivalent",
    ({ text }) => /\.\.\.\(.*(!== undefined|!== Infinity).*&&/.test(text),
  ],
  [
    "An initial or default value that is replaced, or distinguished from undefined, before it is read",
    ({ text, mutatorName }) =>
      /^#\w+.* = /.test(text) || (mutatorName !== "ConditionalExpression" && /(\?\?|= "")/.test(text)),
  ],
  [
    "The order of managers by the millisecond: the simulation covers two users' managers created at the same time",
    ({ text }) => /SAME_TIME|\btie\b|\bby\b|madeAt|#age|"started"/.test(text),
  ],
  [
    "One of several checks on the same path: sign-out, dispose() and unsubscribe() are checked before and after each step",
    ({ text }) =>
      /aborted|throwIfAborted|#over|settled|#live|#listening|ended|#disposed|#inner !== inner|ws !== ws|mine/.test(
        text,
      ),
  ],
  [
    "A condition that another one already implies",
    ({ mutatorName, text }) =>
      ["ConditionalExpression", "LogicalOperator"].includes(mutatorName) && /&&|\|\||\?/.test(text),
  ],
];

/** The tests beyond the unit tests, by file or folder; the first match counts. @type {[path: string, reason: string][]} */
const beyond = [
  [
    "src/core/clock.ts",
    "Wrong clocks that jump: `test/unit/clocks.test.ts` with other constants, and the simulation",
  ],
  ["src/core/", "Between tabs, or during failures: covered by the simulation (`npm run simulate`)"],
  ["src/manager.ts", "Between tabs, or during failures: covered by the simulation (`npm run simulate`)"],
  ["src/tabs/lock.ts", "Web Locks of real browsers: `test/browser/scenarios/tabs.ts`"],
  ["src/tabs/channel.ts", "Messages of real browsers: `test/browser/scenarios/tabs.ts`"],
  ["src/tabs/", "The order of two tabs' steps: every one is run (`npm run explore`)"],
  ["src/cube/socket/", "A real server's socket and its timing: `test/cube/websocket.test.ts`"],
  ["src/cube/", "Cube's own client around it: `test/cube/http.test.ts`"],
  ["src/storage/cookie.ts", "Browsers' own cookies: `test/browser/scenarios/`"],
  ["src/storage/browser.ts", "Real runtimes: browsers in `test/browser/`, Node in `test/unit/node.test.ts`"],
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
  "A detail of a format: the next reader refuses what it lets through (`test/fuzz/`)";
