/**
 * Deliberate faults, each of which the simulation must find. The code defends itself in layers, so that some take more
 * than one edit: what is broken is the behaviour, not one of the lines that keep it.
 *
 * @type {{ title: string, slow?: true, edits: { file: string, from: string, to: string }[] }[]}
 */
export const mutations = [
  {
    title: "no abort check on adopting an answer",
    edits: [
      // The source goes on when it is aborted …
      {
        file: "source/ask.ts",
        from: "onAbort(signal, () => abort(controller, reasonOf(signal)))",
        to: "() => {}",
      },
      // … its answer is adopted …
      {
        file: "core/refresh.ts",
        from: "    signal.throwIfAborted();\n    // At once: what comes next",
        to: "    // At once: what comes next",
      },
      {
        file: "core/refresh.ts",
        from: "    signal.throwIfAborted();\n    return change.held",
        to: "    return change.held",
      },
      // … and handed to whoever still waits.
      {
        file: "core/lifecycle.ts",
        from: "      if (signal.aborted) throw signal.reason;\n      return land",
        to: "      return land",
      },
    ],
  },
  {
    title: "no second look at the storage under the lock",
    edits: [
      { file: "core/refresh.ts", from: "if (shared?.turn && !refresh.force) {", to: "if (false) {" },
      // The news of another tab make it look as well.
      { file: "core/refresh.ts", from: "waiting.abort(heard);", to: "{}" },
    ],
  },
  {
    title: "the wrong clock",
    edits: [
      {
        file: "core/clock.ts",
        from: "return this.elapsed() + this.#offset;",
        to: "return this.#wall();",
      },
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
        file: "core/lifecycle.ts",
        from: "set(core, { refresh: undefined, error });",
        to: "set(core, { refresh: undefined, held: undefined, error });",
      },
    ],
  },
  {
    title: "a sign-out that the other tabs do not hear of",
    edits: [
      { file: "core/sign-out.ts", from: "  shared?.announce(core, at);\n  signOut", to: "  signOut" },
      { file: "core/sign-out.ts", from: "  shared?.announce(core, at);\n}", to: "}" },
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
    edits: [{ file: "core/budget.ts", from: "  retryAt,\n  callAt: counted", to: "  callAt: counted" }],
  },
  {
    title: "a token that Cube refuses goes on being handed out",
    edits: [
      {
        file: "core/lifecycle.ts",
        from: "  set(core, { held: { ...held, refused: true } });\n  core.clock.distrust();",
        to: "",
      },
    ],
  },
];
