import { Machine, Tab, World } from "./world.mjs";

/** Managers of the last one get no identity. */
const USERS = ["ada", "grace", "anybody"];
const identityOf = (user) => (user === "anybody" ? undefined : user);
/** Managers created within this time of each other cannot determine which is newer (ms). */
const SAME_TIME = 2;
/** The managers' requestTimeout (ms). */
const TIMEOUT = 5000;
/** Two locks bypassed, four attempts with their pauses, and a storage that hangs on every read. */
const SETTLES_WITHIN = 2 * (TIMEOUT + 3000) + 4 * (TIMEOUT + 3000) + 3 * 10_000 + 10_000;
/** The longest pause after a failed refresh without a pending call, plus the timeout and the wait for the lock. */
const RETURNS_WITHIN = 150_000 + 2 * (TIMEOUT + 3000) + TIMEOUT;

/**
 * Runs one history and checks the invariants after each step.
 *
 * @param {import("node:vm").Script} script the package.
 * @param {number} seed of the world.
 * @param {{ kind: string, wait: number, a: number, b: number }[]} steps what happens, and how long after the step before.
 * @returns {Promise<World>} with its `violation`, if there was one.
 */
export async function live(script, seed, steps) {
  const world = new World(script, seed);
  let serial = 0;
  const machines = [0, 1].map(
    (index) =>
      new Machine(
        world,
        index ? world.between(-86_400_000, 86_400_000) : 0,
        index ? (world.random() - 0.5) / 500 : 0,
      ),
  );
  for (const machine of machines) {
    machine.user = "ada";
    /** By identity: the last sign-out in any tab. */
    machine.signedOutAt = new Map();
    machine.invalidatedAt = -Infinity;
    /** Every manager ever created. */
    machine.managers = [];
    /** When a tab was closed, or its manager disposed, during a request. */
    machine.leftAskingAt = -Infinity;
    /** A tab has bypassed the lock for that reason: it uses the second one until it finds the first one free. */
    machine.hasBypassed = false;
    /** The storage failed during an erase: a manager created later finds the old token there. */
    machine.kept = false;
    /** The last event that justifies a request. */
    machine.stirredAt = world.now;
    machine.onRequest = (tab) => {
      const stored = world.tokens.get(JSON.parse(machine.values.get("cube.token") ?? "{}").token);
      // No tab requests a token that another tab has just stored.
      const isNew = stored && world.now - stored.issuedAt < Math.min(stored.ttl * 100, 5000);
      const calm = world.now - machine.stirredAt > 10_000 && world.now - machine.writtenAt > 200;
      if (
        isNew &&
        calm &&
        !world.ttlChanged &&
        !machine.odd &&
        !machine.jumped &&
        !machine.faulty &&
        stored.requestedBy === tab.identity &&
        // Cube accepts it.
        stored.key === world.endpoint.keys
      )
        world.fail(`${tab.name} requests a token although token ${stored.n} is stored`);
    };
  }
  world.onNews = ({ manager }, { type, identity, at }) => {
    if (type !== "cleared" || identity !== manager.identity || manager.heard.has(at)) return;
    manager.heard.add(at);
    manager.signOuts++;
  };
  /** Whether `ERR_CLEARED` is justified: a sign-out since the call, or another user's newer manager. */
  const isCleared = ({ machine, manager, signOuts }) =>
    manager.signOuts > signOuts ||
    machine.managers.some(
      ({ identity, madeAt, hasBegun }) =>
        hasBegun && identity !== manager.identity && madeAt >= manager.madeAt - SAME_TIME,
    ) ||
    // The order of managers depends on the wall clock too.
    machine.jumped;
  const stir = (machine) => {
    machine.stirredAt = world.now;
  };
  /** Calls that have not settled. */
  const calls = new Set();

  const open = (machine) => {
    const tab = new Tab(machine, `tab ${serial++}`);
    start(tab);
    return tab;
  };
  const start = (tab) => {
    tab.identity = identityOf(tab.machine.user);
    tab.manager = {
      identity: tab.identity,
      madeAt: world.now,
      signOuts: 0,
      heard: new Set(),
      hasBegun: false,
    };
    tab.machine.managers.push(tab.manager);
    tab.clearedAt = -Infinity;
    tab.madeAt = world.now;
    /** Its first call, or the first after a sign-out: from then on it receives messages. */
    tab.listensAt = Infinity;
    tab.reload = false;
    tab.tokens = new tab.library.CubeTokenManager({
      endpoint: "/token",
      storage: tab.library.customStorage(tab.storageOf(), { shared: true }),
      storageKey: "cube.token",
      identity: tab.identity,
      requestTimeout: TIMEOUT,
    });
    const { tokens } = tab;
    tokens.subscribe((event) => {
      if (JSON.stringify(event).includes("eyJ")) world.fail("a token in an event");
      if (event.type === "cleared" && tab.tokens === tokens) {
        // A tab that stood still receives it late: tokens issued since the sign-out are valid for it too.
        const signedOutAt = tab.machine.signedOutAt.get(tab.identity) ?? -Infinity;
        tab.clearedAt = signedOutAt > tab.clearedAt ? signedOutAt : world.now;
        tab.listensAt = Infinity;
        tab.reload = true;
        world.log(`${tab.name} is signed out`);
      }
    });
  };
  const call = (tab, options) => {
    const { machine, manager } = tab;
    manager.hasBegun = true;
    const entry = { tab, at: world.now, called: world.now, machine, manager, signOuts: manager.signOuts };
    calls.add(entry);
    tab.listensAt = Math.min(tab.listensAt, world.now);
    const { tokens, identity } = tab;
    tokens.getToken(options).then(
      (token) => {
        calls.delete(entry);
        judge(tab, identity, token, tokens);
        entry.machine.last = { tab, tokens, token, at: entry.called };
      },
      (error) => {
        calls.delete(entry);
        const { last } = entry.machine;
        const lives =
          last?.tab === tab &&
          last.tokens === tokens &&
          world.tokens.get(last.token).exp * 1000 > world.now + 5000;
        // A failed refresh never discards a valid token.
        if (
          lives &&
          !options &&
          // Signed out in another tab, or replaced by another user.
          error.code !== "ERR_CLEARED" &&
          last.at > entry.machine.stirredAt &&
          // A token reported as refused is served during a pause, but is no fallback after it.
          world.tokens.get(last.token).issuedAt > entry.machine.invalidatedAt &&
          !entry.machine.odd &&
          world.accepts(last.token)
        )
          world.fail(
            `${tab.name} rejects with ${error.code} although token ${world.tokens.get(last.token).n} is valid`,
          );
        if (error.code === "ERR_CLEARED" && !isCleared(entry))
          world.fail(`${tab.name} rejects with ERR_CLEARED without a sign-out`);
        if (error?.name !== "CubeTokenError") world.fail(`not a CubeTokenError: ${error}`);
        if (String(error.message).includes("eyJ")) world.fail("a token in an error");
      },
    );
  };
  /** Checks a returned token. */
  const judge = (tab, identity, token, tokens) => {
    const known = world.tokens.get(token);
    world.log(`${tab.name} returns token ${known?.n} of ${known?.sub}`);
    if (!known) return world.fail(`${tab.name} returns a token that was never issued`);
    // The session decides the user, and may change during a manager's life. A token requested by another identity is wrong.
    if (known.requestedBy !== identity)
      world.fail(`${tab.name} of ${identity} returns a token of ${known.requestedBy}`);
    if (tab.tokens === tokens && known.servedAt < tab.clearedAt && tab.clearedAt <= world.now)
      world.fail(`${tab.name} returns token ${known.n} from before the sign-out`);
    const { machine } = tab;
    const signedOutAt = machine.signedOutAt.get(identity) ?? -Infinity;
    const told = world.now - signedOutAt > 2000 && !tab.wasStillAt;
    const excused = machine.odd || machine.wentBack || (machine.kept && tab.listensAt >= signedOutAt);
    if (tab.tokens === tokens && told && known.servedAt < signedOutAt && !excused)
      world.fail(`${tab.name} returns token ${known.n} from before the sign-out in another tab`);
    // Never an expired token, even if the source fails. After a clock change, the machine must first ask for the time.
    const able = !machine.jumped || world.now - world.endpoint.healthyAt > RETURNS_WITHIN;
    // A Date header is accurate to a second plus the round trip; no clock estimate can be better.
    const isDead = known.exp * 1000 <= world.now - 1000 - world.slowest;
    // Tokens refused for their key are served during a pause, whether expired or not.
    const isTaken = known.key === world.endpoint.keys;
    if (isDead && able && isTaken)
      world.fail(`${tab.name} returns token ${known.n}, expired for ${world.now - known.exp * 1000} ms`);
  };

  /** Like a chart: replaces a token that Cube refuses, and repeats the query once. */
  const query = async (tab) => {
    const { tokens, identity } = tab;
    tab.listensAt = Math.min(tab.listensAt, world.now);
    tab.manager.hasBegun = true;
    const first = await tokens.getToken();
    judge(tab, identity, first, tokens);
    if (world.accepts(first)) return true;
    tokens.invalidate(first);
    const second = await tokens.getToken();
    judge(tab, identity, second, tokens);
    return world.accepts(second);
  };

  const signOut = (tab) => {
    const { machine, manager } = tab;
    // A manager replaced by another identity signs out only itself.
    if (!tab.reload) {
      machine.signedOutAt.set(tab.identity, world.now);
      machine.kept ||= machine.storage !== "works";
    }
    manager.signOuts++;
    manager.heard.add(machine.wall());
    tab.tokens.clear();
    tab.listensAt = Infinity;
    tab.clearedAt = world.now;
  };
  /** In the order of the README: sign out, change the session, create a new manager. */
  const switchUser = (tabs, which) => {
    if (!tabs.length) return;
    const [{ machine }] = tabs;
    for (const { tokens } of tabs) {
      tokens.clear();
      tokens.dispose();
    }
    machine.user = USERS[(USERS.indexOf(machine.user) + 1 + (which % 2)) % USERS.length];
    for (const tab of tabs) {
      start(tab);
      call(tab);
    }
    disturb();
  };

  const machineOf = ({ a }) => machines[a % machines.length];
  const tabOf = (step) => {
    const { tabs } = machineOf(step);
    return tabs[step.b % tabs.length];
  };
  /** The tabs that are running. */
  const awake = () => machines.flatMap(({ tabs }) => tabs).filter((tab) => !tab.standsStill());
  const disturb = () => {
    // After a sign-in, a fault or a repair, the source gets its recovery time again.
    world.endpoint.healthyAt = ["works", "repeats"].includes(world.endpoint.mode) ? world.now : Infinity;
  };

  /** Steps that do not justify a request. */
  const calmKinds = new Set(["get", "getAll", "open", "latency"]);
  const inTab = new Set(["get", "query", "force", "invalidate", "clear", "leave", "dispose", "user", "wake"]);
  const act = {
    open: (step) => machineOf(step).tabs.length < 4 && open(machineOf(step)),
    close: (step) => machineOf(step).tabs.length > 1 && tabOf(step).close(),
    crash: (step) => {
      if (machineOf(step).tabs.length > 1) tabOf(step).crashesAtWrite = true;
    },
    get: (step) => call(tabOf(step)),
    query: (step) => {
      query(tabOf(step)).catch(() => {});
      stir(machineOf(step));
    },
    getAll: () => {
      for (const tab of awake()) call(tab);
    },
    queryAll: () => {
      for (const tab of awake()) query(tab).catch(() => {});
    },
    force: (step) => call(tabOf(step), { forceRefresh: true }),
    invalidate: (step) => {
      tabOf(step).tokens.invalidate();
      machineOf(step).invalidatedAt = world.now;
    },
    clear: (step) => signOut(tabOf(step)),
    /** Signs out and closes at once: the erase may not complete. */
    leave: (step) => {
      const tab = tabOf(step);
      if (tab.machine.tabs.length === 1) return;
      signOut(tab);
      tab.machine.kept = true;
      tab.close();
    },
    dispose: (step) => {
      const tab = tabOf(step);
      // As in a tab that is closed: no other tab learns how the request ended.
      const wasAsking = world.requests.some((request) => request.open && request.tab === tab);
      if (wasAsking) tab.machine.leftAskingAt = world.now;
      tab.tokens.dispose();
      start(tab);
    },
    user: (step) => switchUser([tabOf(step)], step.a),
    /** Every page of the browser is reloaded after the sign-in. */
    userEverywhere: (step) =>
      switchUser(
        [...machineOf(step).tabs].filter((tab) => !tab.standsStill()),
        step.b,
      ),
    freeze: (step) => {
      const tab = tabOf(step);
      tab.frozen = !tab.frozen;
    },
    sleep: (step) => machineOf(step).sleep((step.b + 1) * 7000),
    clock: (step) => {
      const machine = machineOf(step);
      if (machine.standsStill()) return;
      // Setting the clock back and sleeping cancel out unless something reads the clock in between. Pages do so regularly.
      const look = () => {
        for (const tab of machine.tabs) tab.tokens.getSnapshot();
      };
      look();
      // A tab may mistake it for a sleep until its next request.
      machine.jumped = true;
      machine.skew += ((step.b % 7) - 3) * 1_200_000;
      look();
      disturb();
    },
    wake: (step) => tabOf(step).send(["focus", "online", "visibilitychange"][step.b % 3]),
    endpoint: (step) => {
      world.endpoint.mode = ["works", "fails", "hangs", "lost", "refuses", "repeats"][step.b % 6];
      world.endpoint.retryAfter = step.a % 5 === 0 ? 20 : 0;
      disturb();
    },
    latency: (step) => {
      world.endpoint.latency = [5, 50, 500, 3000][step.b % 4];
      world.slowest = Math.max(world.slowest, world.endpoint.latency);
    },
    ttl: (step) => {
      world.endpoint.ttl = [10, 30, 60, 300, 2_592_000][step.b % 5];
      // The token that expires last wins, and that may be one from before the change.
      world.ttlChanged = true;
    },
    rotate: () => {
      world.endpoint.signsWith = ++world.endpoint.keys;
    },
    storage: (step) => {
      const machine = machineOf(step);
      machine.storage = ["works", "throws", "hangs", "works"][step.b % 4];
      machine.kept ||=
        machine.storage !== "works" && world.now - Math.max(...machine.signedOutAt.values()) < 2000;
      if (step.b % 7 === 1) machine.values.clear();
      // Restores its previous content.
      if (step.b % 7 === 2 && machine.before) {
        machine.values = new Map(machine.before);
        machine.wentBack = true;
        world.log(`the storage of ${machines.indexOf(machine)} goes back to an old value`);
      }
      // After one failure a storage is no longer trusted: the tabs continue in memory.
      machine.faulty = true;
      machine.before = new Map(machine.values);
    },
  };

  const check = () => {
    for (const machine of machines) {
      const open = world.requests.filter((request) => request.open && request.machine === machine);
      const still = machine.standsStill() || machine.tabs.some((tab) => tab.frozen);
      machine.odd ||= still || machine.storage === "hangs";
      // A lock holder that stands still is bypassed.
      // So is one whose turn takes longer than the wait for the lock: its endpoint is slow, or the tab was closed during
      // its request and never reported the outcome.
      const isLeft = world.now - machine.leftAskingAt < 2 * (TIMEOUT + 3000);
      machine.hasBypassed ||= isLeft && open.length > 1;
      const most = machine.hasBypassed ? 2 : 1;
      if (open.length > most && !machine.odd && world.slowest < 3000 && !isLeft)
        world.fail(`${open.length} requests at once: ${open.map(({ tab }) => tab.name)}`);
    }
    for (const entry of calls) {
      if (entry.tab.gone) calls.delete(entry);
      else if (entry.tab.standsStill() || entry.tab.wasStill) entry.at = world.now;
      if (world.now - entry.at > SETTLES_WITHIN) world.fail(`a call of ${entry.tab.name} has not settled`);
    }
    for (const machine of machines) {
      for (const tab of machine.tabs) {
        tab.wasStill = tab.standsStill();
        tab.wasStillAt ||= tab.wasStill;
        if (tab.fired > 100) world.fail(`${tab.name} has a timer that loops`);
        tab.fired = 0;
      }
    }
  };
  const advance = async (duration) => {
    for (let left = duration; left > 0 && !world.violation; left -= 250) {
      await world.advance(Math.min(left, 250));
      check();
    }
  };

  /**
   * The source fails for a while, or Cube refuses its tokens, and all tabs keep calling: the number of requests is bounded.
   */
  const outage = async () => {
    world.endpoint.mode = ["fails", "works", "caches"][world.between(0, 2)];
    const isRefused = world.endpoint.mode !== "fails";
    if (isRefused) {
      // The endpoint keeps signing with the old key.
      world.endpoint.keys++;
      // Tokens of a few seconds are refreshed more often than that anyway.
      world.endpoint.ttl = 300;
      world.ttlChanged = true;
    }
    world.log(
      `an outage: the endpoint ${world.endpoint.mode}${isRefused ? ", and Cube refuses its tokens" : ""}`,
    );
    world.endpoint.retryAfter = 0;
    world.endpoint.latency = 50;
    disturb();
    for (const machine of machines) stir(machine);
    const goOn = async (duration) => {
      for (let time = 0; time < duration && !world.violation; time += 5000) {
        act.getAll();
        if (isRefused) act.queryAll();
        await advance(5000);
      }
    };
    // Requests in flight finish first.
    await goOn(2 * TIMEOUT);
    const before = world.requests.length;
    const counts = machines.map(({ tabs }) => tabs.length);
    await goOn(240_000);
    world.endpoint.signsWith = world.endpoint.keys;
    for (const [index, machine] of machines.entries()) {
      // Other tabs cannot know what a tab received before it crashed.
      const times = world.requests
        .slice(before)
        .filter((request) => request.machine === machine && !request.untold);
      const minutes = [0, 0, 0, 0];
      for (const { at } of times) minutes[Math.floor((at - times[0].at) / 60_000)]++;
      // Managers of two users created within two milliseconds cannot determine which is newer, so both keep requesting.
      const tied = machine.tabs.some((one) =>
        machine.tabs.some(
          (other) => one.identity !== other.identity && Math.abs(one.madeAt - other.madeAt) <= 2,
        ),
      );
      // They replace refused tokens together; without a storage, each tab does so on its own.
      const shares = isRefused && machine.storage !== "works" ? counts[index] : 1;
      const isTooMuch = minutes.some((count, minute) => count > (minute ? 3 : 10) * shares);
      if (isTooMuch && !machine.odd && !tied)
        world.fail(`a failing source got ${minutes} requests per minute from machine ${index}`);
    }
  };

  for (const machine of machines) open(machine);
  // Managers are ordered by the millisecond of their creation.
  await advance(5);
  for (const step of steps) {
    await advance(step.wait);
    if (world.violation) return world;
    // All of its tabs may have crashed.
    for (const machine of machines) if (!machine.tabs.length) open(machine);
    world.log(`${step.kind} ${step.a} ${step.b}`);
    // A page that stands still does nothing.
    const tab = inTab.has(step.kind) ? tabOf(step) : undefined;
    if (tab?.standsStill()) continue;
    if (!calmKinds.has(step.kind)) for (const machine of machines) stir(machine);
    act[step.kind](step);
  }

  if (world.random() < 0.25) await outage();

  // All faults end, and service must return.
  for (const machine of machines) {
    machine.storage = "works";
    for (const tab of machine.tabs) tab.frozen = false;
  }
  world.endpoint.mode = "works";
  world.endpoint.latency = 50;
  if (world.endpoint.ttl !== 60) world.ttlChanged = true;
  world.endpoint.ttl = 60;
  world.endpoint.retryAfter = 0;
  disturb();
  await advance(RETURNS_WITHIN + 60_000);
  const comeBack = (tab, again = true) => {
    // Signed out or replaced by another user in another tab: the application creates a new manager.
    if (tab.reload || tab.identity !== identityOf(tab.machine.user)) {
      tab.tokens.dispose();
      start(tab);
    }
    query(tab).then(
      (accepted) => {
        tab.healed = accepted;
      },
      (error) => {
        // It learns only now what happened during its sleep.
        if (tab.reload && again) return comeBack(tab, false);
        tab.healed = `${error.code}: ${error.message}`;
      },
    );
  };
  // Here a refused token counts as a failure, so another refusal would be one fault too many.
  for (let time = 0; time < 2; time++) {
    for (const machine of machines) for (const tab of machine.tabs) comeBack(tab);
    await advance(RETURNS_WITHIN);
  }
  for (const machine of machines) {
    for (const tab of machine.tabs) {
      if (tab.healed !== true && !world.violation)
        world.fail(`${tab.name} has no service after the faults have ended: ${tab.healed}`);
    }
  }

  // dispose() leaves nothing behind.
  for (const machine of machines) for (const tab of machine.tabs) tab.tokens.dispose();
  await advance(5000);
  for (const machine of machines) {
    for (const tab of machine.tabs) {
      const listeners = [...tab.listeners.values()].reduce((sum, { size }) => sum + size, 0);
      if (tab.timers.size + tab.channels.size + listeners && !world.violation)
        world.fail(
          `${tab.name} leaves ${tab.timers.size} timers, ${tab.channels.size} channels, ${listeners} listeners`,
        );
    }
    for (const [name, { holder, queue }] of machine.locks) {
      if ((holder || queue.length) && !world.violation) world.fail(`the lock ${name} is left behind`);
    }
  }
  return world;
}

export const kinds = [
  "get",
  "get",
  "get",
  "get",
  "getAll",
  "getAll",
  "query",
  "query",
  "force",
  "invalidate",
  "open",
  "close",
  "crash",
  "clear",
  "leave",
  "dispose",
  "user",
  "userEverywhere",
  "freeze",
  "sleep",
  "clock",
  "wake",
  "endpoint",
  "endpoint",
  "latency",
  "ttl",
  "rotate",
  "storage",
];
