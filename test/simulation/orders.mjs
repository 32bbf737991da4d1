import { numbers } from "../support/numbers.mjs";
import { Machine, settled, Tab, World } from "./world.mjs";

/** Conflicts with every other step. */
const ALL = undefined;
/** The longest time without another step before a call must settle (ms). */
const SETTLES_WITHIN = 120_000;
/** More steps than this are a loop. */
const MOST_STEPS = 2000;
/** How long messages and locks of the last refresh linger (ms). */
const QUIET = 2000;
/** The time before each action (ms): managers of two users created at the same time cannot determine which is newer. */
const TICK = 5;

/** Two steps that read or change nothing in common: their order makes no difference. */
const areIndependent = (one, other) =>
  one !== ALL &&
  other !== ALL &&
  ![...one].some(([what, writes]) => other.has(what) && (writes || other.get(what)));

/**
 * The simulated world, in which nothing happens until a pending step is picked. The wall clock advances only with an
 * action, and when only timers are pending.
 */
export class Orders extends World {
  #realm;
  #globals = new Map();
  #pending = [];
  #counts = new Map();
  #created = 0;
  #steps = 0;
  /** How long the source takes (ms). */
  latency = 0;
  /** The `localStorage` of each tab, if the scenario uses it. */
  views = undefined;
  /** What the current step has read (`false`) or changed (`true`). */
  footprint = new Map();

  /** @param realm the package, see build.mjs. */
  constructor(realm) {
    super(undefined, 0);
    this.#realm = realm;
    // No message arrives twice.
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

  /** Switches to a tab's globals until its code has settled. */
  enter(tab) {
    this.#realm.enter(this.#globals.get(tab));
  }

  touch(what, write = false) {
    this.footprint.set(what, write || this.footprint.get(what) === true);
  }

  schedule(delay, run, owner, { kind, from, text = "", serial } = {}) {
    const name = owner?.name ?? from?.name;
    // Steps of one line keep their order.
    const line = `${kind} ${kind === "message" ? `${from.name}>` : ""}${name}${serial === undefined ? "" : ` ${serial}`}`;
    const count = this.#counts.get(line) ?? 0;
    this.#counts.set(line, count + 1);
    const words = {
      message: () => `${name} receives "${text}" from ${from.name}`,
      source: () => `the source answers ${name}, in ${text}'s session`,
      answer: () => `the answer arrives in ${name}: ${text}`,
      storage: () => `the storage ${text} for ${name}`,
      spread: () => `the other tabs see what ${name} has stored`,
      lock: () => `${name} gets the lock ${text}`,
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

  /** The possible next steps: the first of each line, in the order of creation. */
  options() {
    const lines = new Map();
    for (const task of this.#pending) {
      if (task.owner?.gone || task.owner?.standsStill()) continue;
      const first = lines.get(task.line);
      if (!first || task.at < first.at) lines.set(task.line, task);
    }
    return [...lines.values()].filter(({ at }) => at <= this.now).sort((a, b) => a.created - b.created);
  }

  /** When the next timer or answer is due. */
  nextAt() {
    const waiting = this.#pending.filter(
      ({ at, owner }) => at > this.now && !owner.gone && !owner.standsStill(),
    );
    return waiting.reduce((least, { at }) => Math.min(least, at), Infinity);
  }

  async run(task) {
    if (++this.#steps > MOST_STEPS) this.fail("the world never settles");
    this.footprint = new Map(task.owner && [[task.owner.name, true]]);
    this.cancel(task);
    if (task.owner) this.enter(task.owner);
    task.run();
    await settled();
  }
}

/** What each tab sees of a localStorage: its own writes at once, those of others once they reach its process. */
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
          // The tab's own later write wins.
          if (!view.unsent) view.value = value;
        }
      };
      world.schedule(0, spread, undefined, { kind: "spread", from: tab });
    };
    return {
      getItem: () => {
        // A page that has not read it yet sees the browser's state.
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

/** One run of a scenario: its tabs, and the rules that hold in every order. */
export class Play {
  tabs = new Map();
  calls = [];
  steps = [];
  /**
   * How many valid tokens a tab erased, or replaced by an older one, between its check and its write: browser storage has
   * no compare-and-swap. Each costs one more request.
   */
  lost = 0;
  /** The last sign-out of each identity. */
  #signedOutAt = new Map();
  #managers = [];
  #sourceFailed = false;
  /** The token that Cube refuses. */
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
      // Tokens of a signed-out or another user must be erased.
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
      // It erases its own token, even one requested after that sign-out.
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

  /** Creates a manager for the signed-in user. */
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
    if (!known) return world.fail(`${name} returns a token that was never issued`);
    this.#say(`${name} returns token ${known.n}`);
    if (known.requestedBy !== manager.identity)
      world.fail(`${name} of ${manager.identity} returns token ${known.n} of ${known.requestedBy}`);
    if (known.askedAt < manager.clearedAt)
      world.fail(`${name} returns token ${known.n}, which was requested before the sign-out`);
    if (manager.over) world.fail(`${name} returns a token after dispose()`);
    if (manager.told && token === this.#refused)
      world.fail(`${name} returns token ${known.n}, whose refusal it knows`);
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
      // In scenarios where an answer has no time limit.
      ERR_TIMEOUT: this.scenario.slow?.includes("answer"),
    };
    if (manager.tokens.getSnapshot().status === "fresh" && !entry.isForced)
      world.fail(`${name} rejects with ${error.code} although it has a token`);
    if (!(reasons[error.code] ?? this.#sourceFailed))
      world.fail(`${name} rejects with ${error.code} without a sign-out`);
  }

  #say(text) {
    if (!this.isSetUp) return;
    this.steps.push(`        ${text}`);
  }

  /** The actions on tabs. */
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
    /** Cube refuses this tab's token. */
    refuse: (name) => {
      const { manager } = this.tabs.get(name);
      manager.told = true;
      this.#refused = this.calls.findLast((call) => call.manager === manager && call.token).token;
      manager.tokens.invalidate();
    },
    /** In the order of the README: sign out, change the session, create a new manager. */
    switchUser: (name) => {
      this.act.signOut(name);
      this.act.nextUser(name);
    },
    /** The server ends the session; the tabs are not notified. */
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

  /** Runs until such a step is pending, without running that. */
  async waitFor(words) {
    await settled();
    for (;;) {
      const options = this.world.options();
      if (options.some(({ text }) => text.includes(words))) return;
      const at = this.world.nextAt();
      if (options.length) await this.world.run(options[0]);
      else if (at < Infinity) this.world.now = at;
      else throw new Error(`No step "${words}" follows`);
    }
  }

  /** From here on, every tab must know which tokens Cube refused. */
  everyoneKnows() {
    for (const { manager } of this.tabs.values()) manager.told = true;
  }

  /** Runs for `duration` ms, or until `isOver()`, in the order of creation. */
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

  /** The managers that were called, in order of creation. */
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

  /** Checks the state after all steps. */
  async finish() {
    const { world, machine, scenario } = this;
    this.steps.push("(then in the order of creation)");
    await this.wait(QUIET);
    const stored = this.stored();
    const last = this.#begun.at(-1);
    const signedOutAt = this.#signedOutAt.get(stored?.requestedBy) ?? -Infinity;
    if (stored?.askedAt < signedOutAt)
      world.fail(`the storage holds token ${stored.n}, which was requested before the sign-out`);
    if (stored && last && stored.requestedBy !== last.identity)
      world.fail(`the storage holds token ${stored.n} of ${stored.requestedBy}`);
    // Before the frozen tabs continue.
    // A request that timed out is repeated.
    const requests = () => world.requests.slice(this.before).filter(({ timedOut }) => !timedOut).length;
    const most = () => scenario.most + (this.lost && this.lost + 1);
    if (requests() > most()) world.fail(`${requests()} requests, not ${most()}`);
    for (const tab of machine.tabs) tab.frozen = false;
    await this.wait(QUIET);
    for (const { name } of this.unsettled) world.fail(`a call of ${name} has not settled`);
    // The other user's page reloads.
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
      // Waits for the pause after failures.
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
        if (!token) world.fail(`${name} ends without a token: ${code}`);
        else if (!world.accepts(token)) world.fail(`${name} ends with an expired token`);
      }
      await this.wait(QUIET);
      return calls;
    };
    let calls = await all();
    // A bypassed tab has a token of its own.
    if (machine.tabs.some(({ stoodStill }) => stoodStill)) this.lost ||= 1;
    if (this.lost) {
      // The next refresh resolves that. Sequentially, as a tab that bypassed the lock no longer waits for it.
      await this.wait(world.endpoint.ttl * 1000);
      calls = await all(QUIET);
    }
    const numbers = calls.map(({ token }) => world.tokens.get(token)?.n);
    if (new Set(numbers.concat(this.stored()?.n)).size > 1)
      world.fail(`the tabs end with the tokens ${numbers}, the storage with ${this.stored()?.n}`);
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
 * Runs a scenario once.
 *
 * @param {(options: { id: string }[]) => number} choose the index of the next step; negative to give up.
 * @param {(footprint: Map<string, boolean> | undefined) => void} [onStep] receives what the step has touched.
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
  /** Steps that were skipped run last. */
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
 * Runs every order of a scenario's steps: depth first, each from the beginning.
 *
 * @param {object} options
 * @param {Awaited<ReturnType<typeof import("./build.mjs").buildRealm>>} options.realm the package.
 * @param {object} options.scenario see scenarios.mjs.
 * @param {number} [options.depth] limits the orders to those that leave the usual one in at most this many places; skipped
 *   steps then run as late as possible. Without it, all orders run except those that are equivalent to another one (sleep
 *   sets: Godefroid, "Partial-Order Methods", 1996).
 * @param {number} [options.most] orders.
 * @param {(steps: string[]) => void} [options.onOrder]
 * @returns {Promise<{ orders: number, isComplete: boolean, violation?: string, steps?: string[], path?: string }>}
 */
export async function explore({ realm, scenario, depth = Infinity, most = Infinity, onOrder = () => {} }) {
  const isReduced = depth === Infinity;
  /** The choices of the current run, from its first step on. */
  const nodes = [];
  let at = 0;
  let orders = 0;
  const choose = (options) => {
    const ids = options.map(({ id }) => id);
    if (nodes[at]) {
      if (ids.join() !== nodes[at].ids.join()) throw new Error("The world is not deterministic");
      return nodes[at++].chosen;
    }
    const before = nodes[at - 1];
    /** Steps already explored whose outcome later steps cannot change. */
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
  /** Moves to the next alternative of the last choice that has one; false if there is none. */
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
    // Lets other tasks of this process run.
    if (orders % 100 === 0) await new Promise(setImmediate);
    if (orders >= most) return { orders, isComplete: !turn() };
  } while (turn());
  return { orders, isComplete: true };
}

/** Replays one order. @param {string} path of the choices. */
export async function replay(realm, scenario, path) {
  const choices = path.split(".").map(Number);
  return live(realm, scenario, (options) => {
    const chosen = options.length > 1 ? (choices.shift() ?? 0) : 0;
    if (chosen >= options.length) throw new RangeError(`only ${options.length} steps are possible here`);
    return chosen;
  });
}
