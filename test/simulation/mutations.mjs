/** @typedef {import("./build.mjs").Edit} Edit */

/**
 * Deliberate faults, each of which the simulation must find. The code has several layers of defense, so some faults take
 * more than one edit: what breaks is the behavior, not a single line.
 *
 * Faults with a `scenario` are found in the orders of its steps (see scenarios.mjs) that leave the usual order in at
 * most `depth` places, the others in random histories.
 *
 * @type {{ title: string, slow?: true, scenario?: string, depth?: number, edits: Edit[] }[]}
 */
export const mutations = [
  {
    title: "no abort check before adopting an answer",
    scenario: "sign-out-own",
    depth: 2,
    edits: [
      // The source continues after an abort …
      {
        file: "source/ask.ts",
        from: "onAbort(refresh, () => abort(controller, reasonOf(refresh)))",
        to: "() => {}",
      },
      // … its answer is adopted …
      {
        file: "core/refresh.ts",
        from: "    throwIfAborted(signal);\n    // Adopt it at once",
        to: "    // Adopt it at once",
      },
      {
        file: "core/refresh.ts",
        from: "    throwIfAborted(signal);\n    return change.held",
        to: "    return change.held",
      },
    ],
  },
  {
    title: "the storage is not read again under the lock",
    edits: [
      { file: "core/refresh.ts", from: "if (peers?.isShared() && !isForced(core)) {", to: "if (false) {" },
      // Another tab's messages make it look as well.
      { file: "core/refresh.ts", from: "    abort(run.waiting, heard);", to: "    {}" },
    ],
  },
  {
    title: "the local clock is trusted",
    edits: [
      { file: "core/clock.ts", from: "return this.elapsed() + this.#offset;", to: "return this.#wall();" },
      {
        file: "core/clock.ts",
        from: "{ now: elapsed + this.#offset, elapsed }",
        to: "{ now: this.#wall(), elapsed }",
      },
    ],
  },
  {
    title: "a failed refresh discards the token",
    edits: [
      {
        file: "core/calls.ts",
        from: "update(core, { refresh: undefined, error });",
        to: "update(core, { refresh: undefined, held: undefined, error });",
      },
    ],
  },
  {
    title: "a sign-out is not broadcast",
    slow: true,
    edits: [
      { file: "core/sign-out.ts", from: "  peers?.announce(at);\n  signOut(", to: "  signOut(" },
      { file: "core/sign-out.ts", from: "  peers?.announce(at);\n}", to: "}" },
    ],
  },
  {
    title: "no cap on the timer's delay",
    edits: [
      {
        file: "core/schedule.ts",
        from: "Math.min(Math.max(delay, shortest), MAX_TIMEOUT)",
        to: "Math.max(delay, shortest)",
      },
    ],
  },
  {
    title: "an answer delayed by a sleep counts as new",
    slow: true,
    edits: [
      {
        file: "source/endpoint.ts",
        from: "if (!isLate || context.signal.aborted) return answer;",
        to: "return answer;",
      },
    ],
  },
  {
    title: "a lock is never released",
    edits: [
      { file: "tabs/lock.ts", from: "await this.#settle(signal);", to: "await new Promise(() => {});" },
    ],
  },
  {
    title: "the pause after failures is not kept",
    edits: [
      { file: "core/budget.ts", from: "  retryAt,\n  aloneAt,\n  callAt: counted", to: "  callAt: counted" },
    ],
  },
  {
    title: "a token that Cube refused is still served",
    slow: true,
    edits: [
      {
        file: "core/lifecycle.ts",
        from: "  update(core, refused(core, core.clock.elapsed()));",
        to: "",
      },
    ],
  },
  {
    title: "a tab that waits for the lock looks only once after a message",
    scenario: "frozen-holder-views",
    depth: 1,
    edits: [
      {
        file: "tabs/persistence.ts",
        from: "if (await lookUp(connection, signal)) return true;",
        to: "if (signal) return lookUp(connection, signal);",
      },
    ],
  },
  {
    title: "an idle tab looks only once after a message",
    scenario: "refresh-news",
    depth: 1,
    edits: [{ file: "tabs/on-message.ts", from: "[0, GRACE]", to: "[0]" }],
  },
  {
    title: "messages, locks and storage are assumed to arrive at the same time",
    scenario: "refresh-refresh",
    depth: 1,
    edits: [{ file: "tabs/lock.ts", from: "GRACE = 100", to: "GRACE = 0" }],
  },
  {
    title: "a sign-out is broadcast only afterwards",
    scenario: "sign-out-leave",
    depth: 1,
    edits: [{ file: "core/sign-out.ts", from: "  peers?.announce(at);\n  signOut(", to: "  signOut(" }],
  },
  {
    title: "a sign-out is broadcast only beforehand",
    scenario: "sign-out-first-call",
    depth: 2,
    edits: [{ file: "core/sign-out.ts", from: "  peers?.announce(at);\n}", to: "}" }],
  },
  {
    title: "a repeated sign-out message counts again",
    scenario: "sign-out-leave",
    depth: 2,
    edits: [
      {
        file: "tabs/on-message.ts",
        from: "if (news.at > core.clearedAt || core.clearedAt > Date.now())",
        to: "if (true)",
      },
    ],
  },
  {
    title: "a sign-out message repeated after a newer one counts",
    scenario: "sign-out-sign-out",
    depth: 2,
    edits: [
      {
        file: "tabs/on-message.ts",
        from: "if (news.at > core.clearedAt || core.clearedAt > Date.now())",
        to: "if (news.at !== core.clearedAt)",
      },
    ],
  },
  {
    title: "a stored token requested before the sign-out is used",
    scenario: "sign-out-refresh-stored",
    depth: 2,
    edits: [
      {
        file: "tabs/recall.ts",
        from: "(since < clearedAt && clearedAt <= wall)",
        to: "false",
      },
    ],
  },
  {
    title: "no check for another identity before storing",
    scenario: "user-switch-no-locks",
    depth: 2,
    edits: [
      { file: "tabs/persistence.ts", from: "if (lock) await lookUp(connection, signal, false);", to: "" },
    ],
  },
  {
    title: "a tab signed out remotely does not erase the storage",
    scenario: "sign-out-leave",
    depth: 2,
    edits: [{ file: "tabs/remote-sign-out.ts", from: "if (!mine) return;", to: "return;" }],
  },
  {
    title: "a tab signed out remotely erases its next token",
    scenario: "sign-out-leave",
    depth: 3,
    edits: [{ file: "tabs/remote-sign-out.ts", from: "!core.held && (", to: "(" }],
  },
  {
    title: "an unchanged token is not broadcast",
    scenario: "refresh-refresh-unchanged",
    depth: 1,
    edits: [
      {
        file: "tabs/persistence.ts",
        from: 'if (!isNew) connection.tell({ type: "unchanged"',
        to: 'if (0) connection.tell({ type: "unchanged"',
      },
    ],
  },
  {
    title: "a refused token is not broadcast",
    scenario: "refusal-news",
    depth: 1,
    edits: [
      {
        file: "core/lifecycle.ts",
        from: 'core.peers?.tell({ type: "invalidated"',
        to: 'void ({ type: "invalidated"',
      },
    ],
  },
  {
    title: "a message of any other identity ends a manager, even a newer one",
    scenario: "user-switch-stored",
    depth: 2,
    edits: [{ file: "tabs/on-message.ts", from: ": by > 0)", to: ": true)" }],
  },
  {
    title: "no message of another identity ends a manager",
    scenario: "user-switch-page",
    depth: 1,
    edits: [{ file: "tabs/on-message.ts", from: ": by > 0)", to: ": false)" }],
  },
  {
    title: "no second lock behind a frozen tab",
    scenario: "frozen-holder",
    depth: 2,
    edits: [{ file: "tabs/lock.ts", from: '["turn", "second"]', to: '["turn"]' }],
  },
  {
    title: "a refresh stuck in storing its token is restarted",
    scenario: "freeze-storing",
    depth: 2,
    edits: [{ file: "core/calls.ts", from: 'refresh!.stage === "storing" && ', to: "false && " }],
  },
];
