import { numbers } from "../support/numbers.mjs";
import { Machine, settled, Tab, World } from "./world.mjs";

/** With everything else. */
const ALL = undefined;
/** How long nothing but time may pass before a call must have settled, in ms. */
const SETTLES_WITHIN = 120_000;
/** More than this are a loop. */
const MOST_STEPS = 2000;
/** So long the news and the locks of the last refresh linger, in ms. */
const QUIET = 2000;
/** An action comes so long after what was before it, in ms: two users' managers made at once cannot tell who came later. */
const TICK = 5;

/** Two steps that look at, or change, nothing in common: in either order they do the same. */
const areIndependent = (one, other) =>
  one !== ALL &&
  other !== ALL &&
  ![...one].some(([what, writes]) => other.has(what) && (writes || other.get(what)));

/**
 * The simulated world, in which nothing happens by itself: what is pending waits until somebody picks it. The wall clock
 * stands still meanwhile, and goes on only when an action is done, or when nothing but a timer is pending.
 */
export class Orders extends World {
  #realm;
  #globals = new Map();
  #pending = [];
  #counts = new Map();
  #created = 0;
  #steps = 0;
  /** How long the source takes, in ms. */
  latency = 0;
  /** The `localStorage` of each tab, where the scenario wants one. */
  views = undefined;
  /** What the step under way has looked at (`false`) or changed (`true`). */
  footprint = new Map();

  /** @param realm the package, see build.mjs. */
  constructor(realm) {
    super(undefined, 0);
    this.#realm = realm;
    // No message comes twice.
    this.random = () => 1;
  }

  between(low) {
    return low;
  }

  dice({ name }) {
    return numbers([...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7));
  }

  realm(globals, tab) {
    this.#globals.set(tab, { ...globals, localStorage: this.views?.of(tab) });
    return this.#realm.library;
  }

  /** From here on its code runs, and nobody else's until that has come to rest. */
  enter(tab) {
    this.#realm.enter(this.#globals.get(tab));
  }

  touch(what, write = false) {
    this.footprint.set(what, write || this.footprint.get(what) === true);
  }

  schedule(delay, run, owner, { kind, from, text = "", serial } = {}) {
    const name = owner?.name ?? from?.name;
    // What waits in one line comes in its order.
    const line = `${kind} ${kind === "message" ? `${from.name}>` : ""}${name}${serial === undefined ? "" : ` ${serial}`}`;
    const count = this.#counts.get(line) ?? 0;
    this.#counts.set(line, count + 1);
    const words = {
      message: () => `${name} hears "${text}" from ${from.name}`,
      source: () => `the source answers ${name}, in ${text}'s session`,
      answer: () => `the answer arrives in ${name}: ${text}`,
      storage: () => `the storage ${text} for ${name}`,
      spread: () => `the other tabs see what ${name} has stored`,
      lock: () => `${name} is told of the lock ${text}`,
      timer: () => `a timer of ${name}`,
    };
    const task = {
      at: this.now + (kind === "timer" ? delay : kind === "answer" ? this.latency : 0),
      created: this.#created++,
      line,
      id: `${line}#${count}`,
      kind,
      text: words[kind](),
      run,
      owner,
    };
    this.#pending.push(task);
    return task;
  }

  cancel(task) {
    const index = this.#pending.indexOf(task);
    if (index >= 0) this.#pending.splice(index, 1);
  }

  /** What may come next: of each line the first, as it was begun. */
  options() {
    const lines = new Map();
    for (const task of this.#pending) {
      if (task.owner?.gone || task.owner?.standsStill()) continue;
      const first = lines.get(task.line);
      if (!first || task.at < first.at) lines.set(task.line, task);
    }
    return [...lines.values()].filter(({ at }) => at <= this.now).sort((a, b) => a.created - b.created);
  }

  /** When the next timer is due, or the next answer. */
  nextAt() {
    const waiting = this.#pending.filter(
      ({ at, owner }) => at > this.now && !owner.gone && !owner.standsStill(),
    );
    return waiting.reduce((least, { at }) => Math.min(least, at), Infinity);
  }

  async run(task) {
    if (++this.#steps > MOST_STEPS) this.fail("it never comes to rest");
    this.footprint = new Map(task.owner && [[task.owner.name, true]]);
    this.cancel(task);
    if (task.owner) this.enter(task.owner);
    task.run();
    await settled();
  }
}

/** What each tab sees of a localStorage: its own writes at once, those of others when they reach its process. */
class Views {
  stored = null;
  #views = new Map();

  constructor(world) {
    this.world = world;
  }

  #view(tab) {
    const view = this.#views.get(tab) ?? { value: this.stored, unsent: 0 };
    this.#views.set(tab, view);
    return view;
  }

  of(tab) {
    const { world } = this;
    const write = (value) => {
      const own = this.#view(tab);
      world.touch(`view of ${tab.name}`, true);
      own.value = value;
      own.unsent++;
      const spread = () => {
        world.touch("storage", true);
        world.onWrite(tab, this.stored, value);
        this.stored = value;
        own.unsent--;
        for (const [{ name }, view] of this.#views) {
          world.touch(`view of ${name}`, true);
          // What a tab has just written itself comes later.
          if (!view.unsent) view.value = value;
        }
      };
      world.schedule(0, spread, undefined, { kind: "spread", from: tab });
    };
    return {
      getItem: () => {
        // A page that has not looked yet sees what the browser has.
        if (!this.#views.has(tab)) world.touch("storage");
        world.touch(`view of ${tab.name}`, true);
        tab.hasLooked = true;
        return this.#view(tab).value;
      },
      setItem: (_key, value) => write(value),
      removeItem: () => write(null),
    };
  }
}

/** One life of a scenario: its tabs, and the rules that hold in every order. */
export class Play {
  tabs = new Map();
  calls = [];
  steps = [];
  /**
   * So many good tokens were erased, or replaced by an older one, by a tab that had looked first and did it a moment
   * later: a browser's storage knows no "if". Each costs a request, and no more.
   */
  lost = 0;
  /** The last sign-out of each identity. */
  #signedOutAt = new Map();
  #managers = [];
  #sourceFailed = false;
  /** What Cube refuses. */
  #refused;

  constructor(realm, scenario) {
    this.scenario = scenario;
    const world = new Orders(realm);
    this.world = world;
    world.endpoint.ttl = 300;
    world.latency = scenario.latency ?? 0;
    this.machine = new Machine(world, 0, 0);
    this.machine.user = "ada";
    if (scenario.locks === false) this.machine.hasLocks = false;
    this.views = scenario.storage === "views" ? new Views(world) : undefined;
    world.views = this.views;
    world.onWrite = (tab, before, after) => {
      const [old, written] = [before, after].map((text) => text && world.tokens.get(JSON.parse(text).token));
      const last = this.#begun.at(-1);
      // What was signed out, and another user's, has to go.
      if (
        !old ||
        (old.askedBy === tab && !old.isSignedOut) ||
        old.requestedBy !== last.identity ||
        old.askedAt < this.#signedOutAt.get(last.identity)
      )
        return;
      const isLate = tab.stoodStill || !this.machine.hasLocks || this.views;
      if (
        written
          ? isLate && tab.hasLooked && written.askedAt < old.askedAt
          : tab.manager.signOuts || tab.manager !== last
      )
        this.lost++;
    };
    world.onNews = ({ manager }, { type, identity, at }) => {
      if (type !== "cleared" || identity !== manager.identity || manager.heard.has(at)) return;
      manager.heard.add(at);
      manager.signOuts++;
      // It erases what it has, also what was asked for after that sign-out.
      for (const known of world.tokens.values()) {
        if (known.askedBy === manager.tab && known.hasArrived) known.isSignedOut = true;
      }
      manager.clearedAt = Math.max(manager.clearedAt, at);
    };
  }

  open(name, options) {
    const tab = new Tab(this.machine, name);
    this.tabs.set(name, tab);
    this.make(name, options);
  }

  /** A manager, of who is signed in. */
  make(name, options = this.tabs.get(name).options) {
    const tab = this.tabs.get(name);
    const { CubeTokenManager, customStorage, webStorage } = tab.library;
    this.world.enter(tab);
    tab.options = options;
    tab.identity = this.machine.user;
    const tokens = new CubeTokenManager({
      endpoint: "/token",
      storageKey: "cube.token",
      storage: this.views ? webStorage() : customStorage(tab.storageOf(), { shared: true }),
      identity: tab.identity,
      requestTimeout: 5000,
      ...this.scenario.options,
      ...options,
    });
    tab.manager = {
      tab,
      tokens,
      identity: tab.identity,
      madeAt: this.world.now,
      clearedAt: -Infinity,
      signOuts: 0,
      heard: new Set(),
    };
    this.#managers.push(tab.manager);
  }

  call(name, options) {
    const { manager } = this.tabs.get(name);
    const entry = {
      name,
      manager,
      signOuts: manager.signOuts,
      at: this.world.now,
      isForced: options?.forceRefresh,
      settled: false,
    };
    manager.begun = true;
    this.world.enter(manager.tab);
    this.calls.push(entry);
    manager.tokens.getToken(options).then(
      (token) => this.#handsOut(entry, token),
      (error) => this.#rejects(entry, error),
    );
    return entry;
  }

  #settles(entry) {
    const { settlesWithin = SETTLES_WITHIN } = this.scenario;
    entry.settled = true;
    const took = this.world.now - entry.at;
    if (took > settlesWithin && !entry.manager.tab.stoodStill)
      this.world.fail(`a call of ${entry.name} took ${took} ms`);
  }

  #handsOut(entry, token) {
    const { world } = this;
    const { name, manager } = entry;
    this.#settles(entry);
    entry.token = token;
    const known = world.tokens.get(token);
    if (!known) return world.fail(`${name} hands out what nobody has issued`);
    this.#say(`${name} hands out token ${known.n}`);
    if (known.requestedBy !== manager.identity)
      world.fail(`${name} of ${manager.identity} hands out token ${known.n} of ${known.requestedBy}`);
    if (known.askedAt < manager.clearedAt)
      world.fail(`${name} hands out token ${known.n}, which was asked for before the sign-out`);
    if (manager.over) world.fail(`${name} hands out a token after dispose()`);
    if (manager.told && token === this.#refused)
      world.fail(`${name} hands out token ${known.n}, which Cube has refused in a tab that said so`);
  }

  #rejects(entry, error) {
    const { world } = this;
    const { name, manager } = entry;
    this.#settles(entry);
    entry.code = error.code;
    this.#say(`${name} rejects with ${error.code}`);
    if (error?.name !== "CubeTokenError") return world.fail(`${name} rejects with ${error}`);
    const isFollowed = this.#managers.some(
      ({ identity, madeAt, begun }) => begun && identity !== manager.identity && madeAt > manager.madeAt,
    );
    const reasons = {
      ERR_CLEARED: manager.signOuts > entry.signOuts || isFollowed,
      ERR_DISPOSED: manager.over,
      // Where an answer may take as long as it likes.
      ERR_TIMEOUT: this.scenario.slow?.includes("answer"),
    };
    if (manager.tokens.getSnapshot().status === "fresh" && !entry.isForced)
      world.fail(`${name} rejects with ${error.code} though it has a token`);
    if (!(reasons[error.code] ?? this.#sourceFailed))
      world.fail(`${name} rejects with ${error.code} without a reason`);
  }

  #say(text) {
    if (!this.isSetUp) return;
    this.steps.push(`        ${text}`);
  }

  /** What is done to the tabs. */
  act = {
    ask: (name) => void this.call(name),
    force: (name) => void this.call(name, { forceRefresh: true }),
    signOut: (name) => {
      const { manager } = this.tabs.get(name);
      const { now } = this.world;
      manager.signOuts++;
      manager.heard.add(now);
      manager.clearedAt = now;
      this.#signedOutAt.set(manager.identity, now);
      manager.tokens.clear();
    },
    /** Cube refuses the token that this tab has. */
    refuse: (name) => {
      const { manager } = this.tabs.get(name);
      manager.told = true;
      this.#refused = this.calls.findLast((call) => call.manager === manager && call.token).token;
      manager.tokens.invalidate();
    },
    /** As the README says: signed out first, then the session changes, then a new manager. */
    switchUser: (name) => {
      this.act.signOut(name);
      this.act.nextUser(name);
    },
    /** Without a word to the others: the server has ended the session. */
    nextUser: (name) => {
      const { manager } = this.tabs.get(name);
      manager.tokens.dispose();
      manager.over = true;
      this.world.touch("source", true);
      this.machine.user = "grace";
      this.make(name);
    },
    freeze: (name) => {
      this.tabs.get(name).frozen = true;
      this.tabs.get(name).stoodStill = true;
    },
    thaw: (name) => {
      this.tabs.get(name).frozen = false;
    },
    leave: (name) => {
      this.tabs.get(name).manager.over = true;
      this.tabs.get(name).close();
    },
    online: (name) => this.tabs.get(name).send("online"),
    source: (_name, mode) => {
      this.world.touch("source", true);
      this.world.endpoint.mode = mode;
      this.#sourceFailed ||= mode !== "works";
    },
  };

  async do(kind, name, value) {
    const { world } = this;
    world.footprint = new Map([["clock", true]]);
    if (name) world.touch(name, true);
    world.now += TICK;
    if (name) world.enter(this.tabs.get(name));
    this.act[kind](name, value);
    await settled();
  }

  /** Lives on until such a step is pending, which is not done. */
  async waitFor(words) {
    await settled();
    for (;;) {
      const options = this.world.options();
      if (options.some(({ text }) => text.includes(words))) return;
      const at = this.world.nextAt();
      if (options.length) await this.world.run(options[0]);
      else if (at < Infinity) this.world.now = at;
      else throw new Error(`Nothing comes of "${words}"`);
    }
  }

  /** From here on every tab is expected to know what Cube has refused. */
  everyoneKnows() {
    for (const { manager } of this.tabs.values()) manager.told = true;
  }

  /** Lives on for so long, or until it `isOver`, the first that is pending first. */
  async wait(duration, isOver = () => false) {
    const { world } = this;
    const end = world.now + duration;
    await settled();
    while (!world.violation) {
      if (isOver()) return;
      const [next] = world.options();
      if (next) {
        await world.run(next);
        continue;
      }
      const at = world.nextAt();
      if (at > end) break;
      world.now = at;
    }
    world.now = end;
  }

  /** The managers that were asked for a token, as they were made. */
  get #begun() {
    return this.#managers.filter(({ begun }) => begun);
  }

  get unsettled() {
    return this.calls.filter(({ settled, manager }) => !settled && !manager.tab.gone);
  }

  stored() {
    const text = this.views ? this.views.stored : this.machine.values.get("cube.token");
    return text && this.world.tokens.get(JSON.parse(text).token);
  }

  /** All is done: what must be true now. */
  async finish() {
    const { world, machine, scenario } = this;
    this.steps.push("(then the first that is pending first)");
    await this.wait(QUIET);
    const stored = this.stored();
    const last = this.#begun.at(-1);
    const signedOutAt = this.#signedOutAt.get(stored?.requestedBy) ?? -Infinity;
    if (stored?.askedAt < signedOutAt)
      world.fail(`the storage holds token ${stored.n}, which was asked for before the sign-out`);
    if (stored && last && stored.requestedBy !== last.identity)
      world.fail(`the storage holds token ${stored.n} of ${stored.requestedBy}`);
    // Before those that stood still come back.
    // What timed out is asked for again.
    const requests = () => world.requests.slice(this.before).filter(({ timedOut }) => !timedOut).length;
    const most = () => scenario.most + (this.lost && this.lost + 1);
    if (requests() > most()) world.fail(`${requests()} requests, not ${most()}`);
    for (const tab of machine.tabs) tab.frozen = false;
    await this.wait(QUIET);
    for (const { name } of this.unsettled) world.fail(`a call of ${name} has not settled`);
    // Another user's page is reloaded.
    for (const [name, { manager }] of this.tabs) {
      if (manager.tab.gone || manager.identity === machine.user) continue;
      await this.wait(TICK);
      world.enter(manager.tab);
      manager.tokens.dispose();
      await settled();
      manager.over = true;
      this.make(name);
    }
    if (world.endpoint.mode === "fails") {
      world.endpoint.mode = "works";
      // The pause after failures.
      await this.wait(30_000);
    }
    this.#sourceFailed = false;
    const all = async (pause = 0) => {
      const calls = [];
      for (const { name } of machine.tabs) {
        calls.push(this.call(name));
        if (pause) await this.wait(pause);
        await settled();
      }
      await this.wait(SETTLES_WITHIN, () => calls.every(({ settled }) => settled));
      for (const { name, token, code } of calls) {
        if (!token) world.fail(`${name} has no token in the end: ${code}`);
        else if (!world.accepts(token)) world.fail(`${name} has a dead token in the end`);
      }
      await this.wait(QUIET);
      return calls;
    };
    let calls = await all();
    // Who was passed over has a token of its own.
    if (machine.tabs.some(({ stoodStill }) => stoodStill)) this.lost ||= 1;
    if (this.lost) {
      // The next refresh makes it good. One after the other: who has passed the other over does not wait for it now.
      await this.wait(world.endpoint.ttl * 1000);
      calls = await all(QUIET);
    }
    const numbers = calls.map(({ token }) => world.tokens.get(token)?.n);
    if (new Set(numbers.concat(this.stored()?.n)).size > 1)
      world.fail(`the tabs have the tokens ${numbers} in the end, and the storage ${this.stored()?.n}`);
    if (requests() > most()) world.fail(`${requests()} requests, not ${most()}`);
    for (const { manager } of this.tabs.values()) {
      world.enter(manager.tab);
      manager.tokens.dispose();
      await settled();
    }
    await this.wait(QUIET);
    for (const { name, timers, channels } of machine.tabs) {
      if (timers.size + channels.size) world.fail(`${name} leaves timers or channels behind`);
    }
    for (const [name, { holder, queue }] of machine.locks) {
      if (holder || queue.length) world.fail(`the lock ${name} is left behind`);
    }
  }
}

/**
 * Lives a scenario once.
 *
 * @param {(options: { id: string }[]) => number} choose which step comes next; less than 0 for none: it is given up.
 * @param {(footprint: Map<string, boolean> | undefined) => void} [onStep] told what the step has touched.
 * @returns {Promise<{ violation?: string, steps: string[], isGivenUp?: true }>}
 */
export async function live(realm, scenario, choose, onStep = () => {}) {
  const play = new Play(realm, scenario);
  const { world, steps } = play;
  await scenario.setUp(play);
  play.isSetUp = true;
  play.before = world.requests.length;
  const begun = world.now;
  const { actors, patience = 0, slow = [] } = scenario;
  const next = actors.map(() => 0);
  /** What was passed over comes after all else. */
  const late = new Map();
  let lates = 0;
  const actions = () =>
    actors.flatMap((actor, index) => {
      const action = actor[next[index]];
      if (!action) return [];
      const [kind, name, value = ""] = action;
      const tab = play.tabs.get(name);
      if (tab && (tab.gone || (tab.standsStill() && kind !== "thaw"))) return [];
      return [
        {
          id: `action ${index}#${next[index]}`,
          text: `${name ?? "the source"}: ${kind} ${value}`.trim(),
          index,
          action,
        },
      ];
    });
  while (!world.violation) {
    const pending = world.options();
    const left = actions();
    const options = [...pending, ...left].sort((a, b) => (late.get(a.id) ?? 0) - (late.get(b.id) ?? 0));
    if (pending.every(({ kind }) => slow.includes(kind))) {
      const at = world.nextAt();
      const isOver = left.length
        ? at > begun + patience
        : !play.unsettled.length || at > begun + SETTLES_WITHIN;
      if (at > world.now && !isOver)
        options.push({ id: `time ${at}`, text: `${at - world.now} ms pass`, at });
    }
    if (!options.length) break;
    const chosen = choose(options);
    if (chosen < 0) return { steps, isGivenUp: true };
    const step = options[chosen];
    for (const { id } of options.slice(0, chosen)) late.set(id, ++lates);
    steps.push(
      options.length > 1
        ? `${`${chosen} of ${options.length}`.padStart(7)} ${step.text}`
        : `        ${step.text}`,
    );
    if (step.action) {
      next[step.index]++;
      await play.do(...step.action);
      onStep(world.footprint);
    } else if (step.run) {
      await world.run(step);
      onStep(world.footprint);
    } else {
      world.now = step.at;
      onStep(ALL);
    }
  }
  if (!world.violation) await play.finish();
  return { violation: world.violation, steps };
}

/**
 * Lives every order of a scenario's steps: depth first, each time from the beginning.
 *
 * @param {object} options
 * @param {Awaited<ReturnType<typeof import("./build.mjs").buildRealm>>} options.realm the package.
 * @param {object} options.scenario see scenarios.mjs.
 * @param {number} [options.depth] orders that leave the usual one in at most so many places; what was passed over there
 *   comes as late as it can. Without it all orders are lived, but none that differs from another only in steps that have
 *   nothing to do with each other (sleep sets: Godefroid, "Partial-Order Methods", 1996).
 * @param {number} [options.most] orders.
 * @param {(steps: string[]) => void} [options.onOrder]
 * @returns {Promise<{ orders: number, isComplete: boolean, violation?: string, steps?: string[], path?: string }>}
 */
export async function explore({ realm, scenario, depth = Infinity, most = Infinity, onOrder = () => {} }) {
  const isReduced = depth === Infinity;
  /** The choices of the life under way, from its first step on. */
  const nodes = [];
  let at = 0;
  let orders = 0;
  const choose = (options) => {
    const ids = options.map(({ id }) => id);
    if (nodes[at]) {
      if (ids.join() !== nodes[at].ids.join()) throw new Error("Not the same world again");
      return nodes[at++].chosen;
    }
    const before = nodes[at - 1];
    /** What was lived already, and would not be changed by what has come since. */
    const asleep = new Map(
      [...(before?.asleep ?? [])].filter(
        ([, footprint]) => isReduced && areIndependent(footprint, before.footprint),
      ),
    );
    const chosen = ids.findIndex((id) => !asleep.has(id));
    const left = (before?.left ?? 0) + Number(before?.chosen > 0);
    if (chosen >= 0) nodes[at++] = { ids, asleep, chosen, left };
    return chosen;
  };
  /** Another way at the last choice that has one left; false where there is none. */
  const turn = () => {
    for (let node = nodes.at(-1); node; node = nodes.at(-1)) {
      node.asleep.set(node.ids[node.chosen], node.footprint);
      node.chosen = node.left < depth ? node.ids.findIndex((id) => !node.asleep.has(id)) : -1;
      if (node.chosen >= 0) return true;
      nodes.pop();
    }
    return false;
  };
  do {
    at = 0;
    const { violation, steps, isGivenUp } = await live(realm, scenario, choose, (footprint) => {
      nodes[at - 1].footprint = footprint;
    });
    if (!isGivenUp) {
      orders++;
      onOrder(steps);
    }
    if (violation) {
      const choices = nodes.filter(({ ids }) => ids.length > 1).map(({ chosen }) => chosen);
      return { orders, isComplete: false, violation, steps, path: choices.join(".").replace(/(\.0)+$/, "") };
    }
    // Who runs this has other things to do as well.
    if (orders % 100 === 0) await new Promise(setImmediate);
    if (orders >= most) return { orders, isComplete: !turn() };
  } while (turn());
  return { orders, isComplete: true };
}

/** Lives one order again. @param {string} path of the choices. */
export async function replay(realm, scenario, path) {
  const choices = path.split(".").map(Number);
  return live(realm, scenario, (options) => {
    const chosen = options.length > 1 ? (choices.shift() ?? 0) : 0;
    if (chosen >= options.length) throw new RangeError(`There are only ${options.length} ways here`);
    return chosen;
  });
}
