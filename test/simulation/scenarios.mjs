/** Both tabs have the same token. */
const bothHold = async (play) => {
  for (const name of ["A", "B"]) play.open(name);
  for (const name of ["A", "B"]) {
    play.call(name);
    await play.wait(200);
  }
};
/** It has expired: calls wait for another one. */
const bothExpired = async (play) => {
  await bothHold(play);
  await play.wait(320_000);
};
/** It is stale but valid: calls get it, and a refresh starts. */
const bothStale = async (play) => {
  await bothHold(play);
  await play.wait(260_000);
};
/** Only B has one; A exists, but has not been called yet. */
const oneHolds = async (play) => {
  for (const name of ["A", "B"]) play.open(name);
  play.call("B");
  await play.wait(200);
};
/** The source has answered A, whose page has not received it yet. */
const answered = async (play) => {
  await bothExpired(play);
  play.call("A");
  await play.waitFor("the answer arrives in A");
};
/** A is about to store it. */
const storing = async (play) => {
  await answered(play);
  await play.waitFor("the storage writes for A");
};
/** From then on the source fails, or behaves differently. */
const source = (mode, before) => async (play) => {
  await before(play);
  await play.do("source", undefined, mode);
};
/** A third tab is frozen while it holds the lock. */
const frozenHolder = async (play) => {
  await bothExpired(play);
  play.open("F");
  play.call("F");
  await play.waitFor("the source answers F");
  await play.do("freeze", "F");
};
/** Without automatic refreshes, all pending steps come from calls. */
const manual = { autoRefresh: false };

/**
 * Two tabs and their actions: the steps of one row of `actors` in sequence, the rows in every order. At most `most` requests
 * may be sent. Time passes between the actions for `patience` ms, and while `slow` steps are pending.
 *
 * @typedef {{ setUp: (play) => Promise<void>, actors: [kind: string, tab?: string, value?: string][][], most: number,
 *   storage?: "views", locks?: false, options?: object, patience?: number, slow?: string[], latency?: number, settlesWithin?: number }} Scenario
 * @type {Record<string, Scenario>}
 */
export const scenarios = {
  // Both need a token at the same time.
  "refresh-refresh": {
    options: manual,
    setUp: bothExpired,
    actors: [[["ask", "A"]], [["ask", "B"]]],
    most: 1,
  },
  "refresh-refresh-views": {
    options: manual,
    storage: "views",
    setUp: bothExpired,
    actors: [[["ask", "A"]], [["ask", "B"]]],
    most: 1,
  },
  "refresh-refresh-unchanged": {
    options: manual,
    setUp: source("repeats", bothStale),
    actors: [[["ask", "A"]], [["ask", "B"]]],
    most: 1,
  },
  "refresh-refresh-refused": {
    options: manual,
    setUp: bothHold,
    actors: [
      [
        ["refuse", "A"],
        ["ask", "A"],
      ],
      [["ask", "B"]],
    ],
    most: 1,
  },
  "refusal-news": {
    options: manual,
    async setUp(play) {
      await bothHold(play);
      await play.do("refuse", "A");
      await play.wait(200);
      play.everyoneKnows();
    },
    actors: [[["ask", "A"]], [["ask", "B"]]],
    most: 1,
  },
  "refresh-news": {
    options: manual,
    storage: "views",
    setUp: bothHold,
    actors: [[["force", "A"]], [["ask", "B"]]],
    most: 1,
  },
  // One is called for the first time while the other refreshes, or its token is refused.
  "refresh-first-call-views": {
    options: manual,
    storage: "views",
    setUp: oneHolds,
    actors: [[["ask", "A"]], [["force", "B"]]],
    most: 1,
  },
  "refusal-first-call-views": {
    options: manual,
    storage: "views",
    setUp: oneHolds,
    actors: [
      [["ask", "A"]],
      [
        ["refuse", "B"],
        ["ask", "B"],
      ],
    ],
    most: 1,
  },
  // One signs out while the other needs a token, receives one, or starts.
  "sign-out-refresh": {
    options: manual,
    setUp: bothExpired,
    actors: [[["ask", "A"]], [["signOut", "B"]]],
    most: 2,
  },
  "sign-out-refresh-stored": {
    options: manual,
    setUp: storing,
    actors: [
      [
        ["signOut", "B"],
        ["ask", "B"],
      ],
    ],
    most: 2,
  },
  "sign-out-refresh-again": {
    options: manual,
    setUp: answered,
    actors: [
      [
        ["signOut", "B"],
        ["ask", "B"],
      ],
    ],
    most: 2,
  },
  "sign-out-refresh-again-views": {
    options: manual,
    storage: "views",
    setUp: answered,
    actors: [
      [
        ["signOut", "B"],
        ["ask", "B"],
      ],
    ],
    most: 2,
  },
  "sign-out-first-call": {
    options: manual,
    setUp: oneHolds,
    actors: [[["ask", "A"]], [["signOut", "B"]]],
    most: 2,
  },
  "sign-out-first-call-views": {
    options: manual,
    storage: "views",
    setUp: oneHolds,
    actors: [[["ask", "A"]], [["signOut", "B"]]],
    most: 2,
  },
  "sign-out-first-call-again-views": {
    options: manual,
    storage: "views",
    setUp: oneHolds,
    actors: [
      [["ask", "A"]],
      [
        ["signOut", "B"],
        ["ask", "B"],
      ],
    ],
    most: 2,
  },
  "sign-out-leave": {
    options: manual,
    setUp: bothHold,
    actors: [
      [["ask", "A"]],
      [
        ["signOut", "B"],
        ["leave", "B"],
      ],
    ],
    most: 1,
  },
  "sign-out-own": {
    options: manual,
    setUp: answered,
    actors: [
      [
        ["signOut", "A"],
        ["ask", "A"],
      ],
      [["ask", "B"]],
    ],
    most: 3,
  },
  "sign-out-sign-out": {
    options: manual,
    setUp: bothHold,
    actors: [
      [
        ["signOut", "A"],
        ["ask", "A"],
      ],
      [["signOut", "B"]],
    ],
    most: 3,
  },
  // In one of them, another user signs in.
  "user-switch-refresh": {
    options: manual,
    setUp: answered,
    actors: [
      [
        ["switchUser", "B"],
        ["ask", "B"],
      ],
    ],
    most: 1,
  },
  "user-switch-page": {
    options: manual,
    setUp: answered,
    actors: [
      [
        ["nextUser", "B"],
        ["ask", "B"],
      ],
    ],
    most: 1,
  },
  "user-switch-stored": {
    options: manual,
    setUp: storing,
    actors: [
      [
        ["nextUser", "B"],
        ["ask", "B"],
      ],
    ],
    most: 1,
  },
  "user-switch-first-call-views": {
    options: manual,
    storage: "views",
    setUp: oneHolds,
    actors: [
      [["ask", "A"]],
      [
        ["nextUser", "B"],
        ["ask", "B"],
      ],
    ],
    most: 2,
  },
  "user-switch-no-locks": {
    options: manual,
    locks: false,
    setUp: answered,
    actors: [
      [
        ["nextUser", "B"],
        ["ask", "B"],
      ],
    ],
    most: 1,
  },
  // The source fails, and recovers once a user has signed in again.
  "failure-sign-in": {
    options: manual,
    setUp: source("refuses", bothExpired),
    actors: [
      [["ask", "A"]],
      [
        ["source", undefined, "works"],
        ["ask", "B"],
      ],
    ],
    most: 3,
  },
  // One is frozen while it holds the lock.
  "freeze-turn": {
    options: manual,
    setUp: bothExpired,
    patience: 12_000,
    slow: ["answer"],
    actors: [
      [
        ["ask", "A"],
        ["freeze", "A"],
        ["thaw", "A"],
      ],
      [["ask", "B"]],
    ],
    // A frozen tab is bypassed, and asks again if its answer arrived while it was frozen.
    most: 3,
  },
  "freeze-storing": {
    options: manual,
    async setUp(play) {
      await storing(play);
      await play.do("freeze", "A");
      await play.wait(6000);
    },
    latency: 50,
    patience: 6000,
    actors: [[["thaw", "A"]], [["online", "A"]]],
    most: 0,
  },
  "frozen-holder": {
    options: manual,
    setUp: frozenHolder,
    latency: 50,
    actors: [[["ask", "A"]], [["ask", "B"]]],
    most: 1,
  },
  "frozen-holder-views": {
    options: manual,
    storage: "views",
    setUp: frozenHolder,
    actors: [[["ask", "A"]], [["ask", "B"]]],
    most: 1,
    settlesWithin: 10_000,
  },
};
