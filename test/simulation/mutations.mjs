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
      { file: "source.ts", from: "onAbort(signal, () => stop(signal.reason))", to: "() => {}" },
      // … its answer is adopted …
      {
        file: "manager.ts",
        from: "      signal.throwIfAborted();\n      // At once: what comes next",
        to: "      // At once: what comes next",
      },
      {
        file: "manager.ts",
        from: "      signal.throwIfAborted();\n      const stored = event",
        to: "      const stored = event",
      },
      // … and handed to whoever still waits.
      {
        file: "manager.ts",
        from: "        if (signal.aborted) throw signal.reason;\n        this.#flight",
        to: "        this.#flight",
      },
    ],
  },
  {
    title: "no second look at the storage under the lock",
    edits: [
      { file: "manager.ts", from: "if (this.#tabs && !flight.force) {", to: "if (false) {" },
      // The news of another tab make it look as well.
      { file: "manager.ts", from: "    flight.news = news;\n    flight.hear?.();", to: "" },
    ],
  },
  {
    title: "the wrong clock",
    edits: [
      {
        file: "clock.ts",
        from: "return this.elapsed() + this.#offset;",
        to: "return this.#wall();",
      },
    ],
  },
  {
    title: "a failed refresh discards the token",
    edits: [
      {
        file: "manager.ts",
        from: "          this.#flight = undefined;\n          this.#error = error;",
        to: "          this.#flight = this.#held = undefined;\n          this.#freshFor(-Infinity);\n          this.#error = error;",
      },
    ],
  },
  {
    title: "a sign-out that the other tabs do not hear of",
    edits: [
      { file: "manager.ts", from: '    if (mine) this.#announce({ type: "cleared", at });', to: "" },
      { file: "manager.ts", from: '      this.#announce({ type: "cleared", at });', to: "" },
    ],
  },
  {
    title: "no cap on the timer",
    edits: [
      {
        file: "schedule.ts",
        from: "Math.min(Math.max(delay, MIN_TIMEOUT), MAX_TIMEOUT)",
        to: "Math.max(delay, MIN_TIMEOUT)",
      },
    ],
  },
  {
    title: "an answer that lay there while the machine slept counts as new",
    slow: true,
    edits: [
      {
        file: "source.ts",
        from: "return late ? attempt() : answer;",
        to: "return answer;",
      },
    ],
  },
  {
    title: "a lock that is never let go",
    edits: [{ file: "tabs.ts", from: "await this.#settle();", to: "await new Promise(() => {});" }],
  },
  {
    title: "a pause after failures that is not kept",
    edits: [{ file: "manager.ts", from: "this.#retryAt = retryAt;", to: "" }],
  },
  {
    title: "a token that Cube refuses goes on being handed out",
    edits: [{ file: "manager.ts", from: "    this.#refuse();\n    this.#clock.distrust();", to: "" }],
  },
];
