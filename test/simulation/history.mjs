import { Machine, Tab, World } from "./world.mjs";

const USERS = ["ada", "grace"];
/** requestTimeout of the managers here, in ms. */
const TIMEOUT = 5000;
/** Two locks passed over, four attempts with the pauses between them, storage that hangs at every look. */
const SETTLES_WITHIN = 2 * (TIMEOUT + 3000) + 4 * (TIMEOUT + 3000) + 3 * 10_000 + 10_000;
/** The longest pause after a failure (of a refresh that nobody waited for), the timeout, and room for the lock. */
const RETURNS_WITHIN = 150_000 + 2 * (TIMEOUT + 3000) + TIMEOUT;

/**
 * Lives one history and checks the invariants as it goes.
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
    (index) => new Machine(world, index ? world.between(-86_400_000, 86_400_000) : 0),
  );
  for (const machine of machines) machine.user = "ada";
  /** Calls that have not settled. */
  const calls = new Set();

  const open = (machine) => {
    const tab = new Tab(machine, `tab ${serial++}`);
    start(tab);
    return tab;
  };
  const start = (tab) => {
    tab.identity = tab.machine.user;
    tab.clearedAt = -Infinity;
    tab.reload = false;
    tab.tokens = new tab.scope.cubeTokenManager.CubeTokenManager({
      endpoint: "/token",
      storage: tab.storageOf(),
      identity: tab.identity,
      requestTimeout: TIMEOUT,
    });
    const { tokens } = tab;
    tokens.subscribe((event) => {
      if (JSON.stringify(event).includes("eyJ")) world.fail("a token in an event");
      if (event.type === "cleared" && tab.tokens === tokens) {
        tab.clearedAt = world.now;
        tab.reload = true;
        world.log(`${tab.name} hears that it is signed out`);
      }
    });
  };
  const call = (tab, options) => {
    const entry = { tab, at: world.now, machine: tab.machine, still: 0 };
    calls.add(entry);
    const { tokens, identity } = tab;
    tokens.getToken(options).then(
      (token) => {
        calls.delete(entry);
        judge(tab, identity, token, tokens);
      },
      (error) => {
        calls.delete(entry);
        if (error?.name !== "CubeTokenError") world.fail(`an error that is no CubeTokenError: ${error}`);
        if (String(error.message).includes("eyJ")) world.fail("a token in an error");
      },
    );
  };
  /** What is handed out. */
  const judge = (tab, identity, token, tokens) => {
    const known = world.tokens.get(token);
    world.log(`${tab.name} hands out token ${known?.n} of ${known?.sub}`);
    if (!known) return world.fail(`${tab.name} hands out what nobody has issued`);
    // Whose it is says the session, which may change under a manager: but never one that another identity asked for.
    if (known.requestedBy !== identity)
      world.fail(`${tab.name} of ${identity} hands out a token of ${known.requestedBy}`);
    if (tab.tokens === tokens && known.issuedAt < tab.clearedAt && tab.clearedAt <= world.now)
      world.fail(`${tab.name} hands out token ${known.n} from before the sign-out`);
    // Keys that Cube does not know yet, and a source that could not give another, are not the client's fault.
    const able = world.now - world.endpoint.healthyAt > RETURNS_WITHIN;
    if (!world.accepts(token) && known.key <= world.endpoint.keys && able)
      world.fail(`${tab.name} hands out token ${known.n}, dead for ${world.now - known.exp * 1000} ms`);
  };

  const machineOf = ({ a }) => machines[a % machines.length];
  const tabOf = (step) => {
    const { tabs } = machineOf(step);
    return tabs[step.b % tabs.length];
  };
  const disturb = () => {
    // A sign-in, a fault or a repair: from here on the source has to be given time again.
    world.endpoint.healthyAt = world.endpoint.mode === "works" ? world.now : Infinity;
  };

  const inTab = new Set(["get", "force", "invalidate", "clear", "dispose", "user", "wake"]);
  const act = {
    open: (step) => machineOf(step).tabs.length < 4 && open(machineOf(step)),
    close: (step) => machineOf(step).tabs.length > 1 && tabOf(step).close(),
    get: (step) => call(tabOf(step)),
    getAll: () => {
      for (const machine of machines) for (const tab of machine.tabs) if (!tab.standsStill()) call(tab);
    },
    force: (step) => call(tabOf(step), { forceRefresh: true }),
    invalidate: (step) => tabOf(step).tokens.invalidate(),
    clear: (step) => {
      const tab = tabOf(step);
      tab.tokens.clear();
      tab.clearedAt = world.now;
    },
    dispose: (step) => {
      const tab = tabOf(step);
      tab.tokens.dispose();
      start(tab);
    },
    user: (step) => {
      // As the README says: signed out first, then the session changes, then a new manager.
      const tab = tabOf(step);
      const { machine } = tab;
      tab.tokens.clear();
      tab.tokens.dispose();
      machine.user = USERS[(USERS.indexOf(machine.user) + 1) % USERS.length];
      start(tab);
      call(tab);
      disturb();
    },
    freeze: (step) => {
      const tab = tabOf(step);
      tab.frozen = !tab.frozen;
    },
    sleep: (step) => machineOf(step).sleep((step.b + 1) * 7000),
    clock: (step) => {
      const machine = machineOf(step);
      if (machine.standsStill()) return;
      // A clock that is set back and a sleep, with no look between them, look like nothing: a page looks now and then.
      const look = () => {
        for (const tab of machine.tabs) tab.tokens.getSnapshot();
      };
      look();
      machine.skew += ((step.b % 7) - 3) * 1_200_000;
      look();
      disturb();
    },
    wake: (step) => tabOf(step).send(["focus", "online", "visibilitychange"][step.b % 3]),
    endpoint: (step) => {
      world.endpoint.mode = ["works", "fails", "hangs", "lost", "refuses", "works"][step.b % 6];
      world.endpoint.retryAfter = step.a % 5 === 0 ? 20 : 0;
      disturb();
    },
    latency: (step) => {
      world.endpoint.latency = [5, 50, 500, 3000][step.b % 4];
    },
    ttl: (step) => {
      world.endpoint.ttl = [10, 30, 60, 300, 2_592_000][step.b % 5];
    },
    rotate: () => {
      world.endpoint.signsWith = ++world.endpoint.keys;
    },
    storage: (step) => {
      const machine = machineOf(step);
      machine.storage = ["works", "throws", "hangs", "works"][step.b % 4];
      if (step.b % 7 === 1) machine.values.clear();
    },
  };

  const check = () => {
    for (const machine of machines) {
      const open = world.requests.filter((request) => request.open && request.machine === machine);
      const still = machine.standsStill() || machine.tabs.some((tab) => tab.frozen);
      machine.odd ||= still || machine.storage === "hangs";
      // Who stood still with the lock in hand is passed over, and not waited for until it has let go.
      if (open.length > 1 && !machine.odd)
        world.fail(`${open.length} requests at once: ${open.map(({ tab }) => tab.name)}`);
    }
    for (const entry of calls) {
      if (entry.tab.gone) calls.delete(entry);
      else if (entry.tab.standsStill() || entry.tab.wasStill) entry.at = world.now;
      if (world.now - entry.at > SETTLES_WITHIN) world.fail(`a call of ${entry.tab.name} has not settled`);
    }
    for (const machine of machines) for (const tab of machine.tabs) tab.wasStill = tab.standsStill();
  };
  const advance = async (duration) => {
    for (let left = duration; left > 0 && !world.violation; left -= 250) {
      await world.advance(Math.min(left, 250));
      check();
    }
  };

  for (const machine of machines) open(machine);
  // Who came first is told by the millisecond.
  await advance(5);
  for (const step of steps) {
    await advance(step.wait);
    if (world.violation) return world;
    world.log(`${step.kind} ${step.a} ${step.b}`);
    // Nobody does anything in a page that stands still.
    if (inTab.has(step.kind) && tabOf(step).standsStill()) continue;
    act[step.kind](step);
    // What follows from it at once, follows before anything else.
    await new Promise(setImmediate);
  }

  // The world heals: service returns.
  for (const machine of machines) {
    machine.storage = "works";
    for (const tab of machine.tabs) tab.frozen = false;
  }
  world.endpoint.mode = "works";
  world.endpoint.latency = 50;
  world.endpoint.ttl = 60;
  world.endpoint.retryAfter = 0;
  disturb();
  await advance(RETURNS_WITHIN + 60_000);
  for (const machine of machines) {
    for (const tab of machine.tabs) {
      // Signed out, or another user, in another tab: the application makes a new manager.
      if (tab.reload || tab.identity !== machine.user) {
        tab.tokens.dispose();
        start(tab);
      }
      tab.tokens.getToken().then(
        (token) => {
          tab.healed = world.accepts(token);
          judge(tab, tab.identity, token, tab.tokens);
        },
        (error) => {
          tab.healed = `${error.code}: ${error.message}`;
        },
      );
    }
  }
  await advance(RETURNS_WITHIN);
  for (const machine of machines) {
    for (const tab of machine.tabs) {
      if (tab.healed !== true && !world.violation)
        world.fail(`${tab.name} has no service after the world has healed: ${tab.healed}`);
    }
  }

  // Nothing is left behind.
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
  "force",
  "invalidate",
  "open",
  "close",
  "clear",
  "dispose",
  "user",
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
