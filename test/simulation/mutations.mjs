/** @typedef {import("./build.mjs").Edit} Edit */

/**
 * Deliberate faults, each of which the simulation must find. The code defends itself in layers, so that some take more
 * than one edit: what is broken is the behaviour, not one of the lines that keep it.
 *
 * Those with a `scenario` are found by living the orders of its steps (see scenarios.mjs) that leave the usual one in at
 * most `depth` places; the others by histories drawn at random.
 *
 * @type {{ title: string, slow?: true, scenario?: string, depth?: number, edits: Edit[] }[]}
 */
export const mutations = [
  {
    title: "no abort check on adopting an answer",
    scenario: "sign-out-own",
    depth: 2,
    edits: [
      // The source goes on when it is aborted …
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
    title: "no second look at the storage under the lock",
    edits: [
      { file: "core/refresh.ts", from: "if (peers?.isShared() && !isForced(core)) {", to: "if (false) {" },
      // The news of another tab make it look as well.
      { file: "core/refresh.ts", from: "    abort(run.waiting, heard);", to: "    {}" },
    ],
  },
  {
    title: "the wrong clock",
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
    title: "a sign-out that the other tabs do not hear of",
    slow: true,
    edits: [
      { file: "core/sign-out.ts", from: "  peers?.announce(at);\n  signOut(", to: "  signOut(" },
      { file: "core/sign-out.ts", from: "  peers?.announce(at);\n}", to: "}" },
    ],
  },
  {
    title: "no cap on the timer",
    edits: [
      {
        file: "core/schedule.ts",
        from: "Math.min(Math.max(delay, shortest), MAX_TIMEOUT)",
        to: "Math.max(delay, shortest)",
      },
    ],
  },
  {
    title: "an answer that lay there while the machine slept counts as new",
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
    title: "a lock that is never let go",
    edits: [
      { file: "tabs/lock.ts", from: "await this.#settle(signal);", to: "await new Promise(() => {});" },
    ],
  },
  {
    title: "a pause after failures that is not kept",
    edits: [
      { file: "core/budget.ts", from: "  retryAt,\n  aloneAt,\n  callAt: counted", to: "  callAt: counted" },
    ],
  },
  {
    title: "a token that Cube refuses goes on being handed out",
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
    title: "no second look after news, while one waits for the lock",
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
    title: "no second look after news, while one asks for nothing",
    scenario: "refresh-news",
    depth: 1,
    edits: [{ file: "tabs/on-message.ts", from: "[0, GRACE]", to: "[0]" }],
  },
  {
    title: "news, locks and the storage are taken to arrive in the same moment",
    scenario: "refresh-refresh",
    depth: 1,
    edits: [{ file: "tabs/lock.ts", from: "GRACE = 100", to: "GRACE = 0" }],
  },
  {
    title: "a sign-out is said only once it is done",
    scenario: "sign-out-leave",
    depth: 1,
    edits: [{ file: "core/sign-out.ts", from: "  peers?.announce(at);\n  signOut(", to: "  signOut(" }],
  },
  {
    title: "a sign-out is said only before it is done",
    scenario: "sign-out-first-call",
    depth: 2,
    edits: [{ file: "core/sign-out.ts", from: "  peers?.announce(at);\n}", to: "}" }],
  },
  {
    title: "a sign-out counts as often as it is said",
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
    title: "a sign-out that is said again after a later one counts",
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
    title: "a stored token counts that was asked for before the sign-out",
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
    title: "no look for another identity before storing",
    scenario: "user-switch-no-locks",
    depth: 2,
    edits: [
      { file: "tabs/persistence.ts", from: "if (lock) await lookUp(connection, signal, false);", to: "" },
    ],
  },
  {
    title: "who hears of a sign-out erases nothing",
    scenario: "sign-out-leave",
    depth: 2,
    edits: [{ file: "tabs/remote-sign-out.ts", from: "if (!mine) return;", to: "return;" }],
  },
  {
    title: "who heard of a sign-out erases what it has got since",
    scenario: "sign-out-leave",
    depth: 3,
    edits: [{ file: "tabs/remote-sign-out.ts", from: "!core.held && (", to: "(" }],
  },
  {
    title: "nobody says that the source has nothing new",
    scenario: "refresh-refresh-unchanged",
    depth: 1,
    edits: [
      {
        file: "tabs/persistence.ts",
        from: 'if (!isNew) tell({ type: "unchanged"',
        to: 'if (0) tell({ type: "unchanged"',
      },
    ],
  },
  {
    title: "nobody says that Cube has refused a token",
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
    title: "any other identity's news ends a manager, also one made later",
    scenario: "user-switch-stored",
    depth: 2,
    edits: [{ file: "tabs/on-message.ts", from: ": by > 0)", to: ": true)" }],
  },
  {
    title: "no other identity's news ends a manager",
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
    title: "a refresh that died as it stored its token is begun again",
    scenario: "freeze-storing",
    depth: 2,
    edits: [{ file: "core/calls.ts", from: 'refresh!.stage === "storing" && ', to: "false && " }],
  },
];
