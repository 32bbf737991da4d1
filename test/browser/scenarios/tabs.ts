import { expect } from "vitest";
import { sleep, until } from "../../support/cube.js";
import type { Engine, Tab } from "../engines/engine.js";
import { describeOn, stores } from "../stage.js";

interface State {
  status: string;
  token: string;
}

/** The number of parallel managers in each tab, as a driver command takes longer than a refresh. */
const LANES = 10;

/** Scenarios of a few tabs. */
export const describeTabs = (engine: Engine): void =>
  describeOn(engine, "tabs", (stage) => {
    const { scenario, openMany, forget } = stage;
    const { make, get, types } = stage;

    /** The first of these tabs holds the lock, and its request is never answered. */
    const lockHeld = async () => {
      const tabs = await openMany(4);
      const [holder, ...others] = tabs as [Tab, ...Tab[]];
      stage.site.mode = "hangs";
      for (const tab of tabs) await make(tab, "local", { requestTimeout: 2000 });
      await holder.run("void tab.get()");
      await until(() => stage.site.requests.length === 1);
      stage.site.mode = "works";
      return { holder, others };
    };
    const goOn = async (others: Tab[], calls: Promise<string[]>, bound: number) => {
      const start = Date.now();
      const tokens = await calls;
      expect(Date.now() - start).toBeLessThan(bound);
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).toMatch(/^eyJ/);
      expect(others).toHaveLength(3);
      expect(stage.site.requests.length).toBe(2);
    };

    scenario("the tab that holds the lock is closed: the others continue", async () => {
      const { holder, others } = await lockHeld();
      const calls = Promise.all(others.map((tab) => get(tab)));
      await sleep(200);
      forget(holder);
      await holder.close();
      await goOn(others, calls, 4000);
    });

    scenario("the lock is stolen, and foreign messages are broadcast: without effect", async () => {
      const [one, two] = (await openMany(2)) as [Tab, Tab];
      for (const tab of [one, two]) await make(tab, "local");
      stage.site.delay = 1000;
      await one.run("void (window.call = tab.get())");
      await until(() => stage.site.requests.length === 1);
      await two.run(
        'navigator.locks.request("cube-token-manager.turn:cube.token", { steal: true }, () => {})',
      );
      await two.run(`(() => {
      const channel = new BroadcastChannel("cube-token-manager:cube.token");
      for (const data of [null, "cleared", 42, {}, { v: 2, type: "cleared", age: 1, at: 1 }, { v: 1, type: "hacked", age: 1, at: 1 }])
        channel.postMessage(data);
      channel.close();
    })()`);
      const token = await one.run<string>("window.call");
      expect(token).toMatch(/^eyJ/);
      expect(await get(two)).toBe(token);
      expect(await types(one)).toEqual(["refreshed"]);
      expect(stage.site.requests.length).toBe(1);
    });

    scenario(
      "the tab that holds the lock crashes: the others continue",
      async () => {
        const { holder, others } = await lockHeld();
        const calls = Promise.all(others.map((tab) => get(tab)));
        await sleep(200);
        forget(holder);
        await holder.crash!();
        await goOn(others, calls, 8000);
      },
      "crash",
    );

    scenario(
      "the tab that holds the lock is frozen: the others continue within requestTimeout + 3 s",
      async () => {
        const { holder, others } = await lockHeld();
        await holder.freeze!(true);
        await goOn(others, Promise.all(others.map((tab) => get(tab))), 8000);
        await holder.freeze!(false);
        expect(await get(holder)).toMatch(/^eyJ/);
      },
      "freeze",
    );

    scenario(
      "sign-out during a refresh in another tab, 200 interleavings: no token, nothing stored",
      async () => {
        // The last opened tab is the visible one: a hidden tab's timers are late.
        const [two, one] = (await openMany(2)) as [Tab, Tab];
        for (let round = 0; round < 200; round += LANES) {
          const lanes = Array.from({ length: LANES }, (_, lane) => ({
            storage: stores[lane % stores.length],
            storageKey: `round${round + lane}`,
          }));
          stage.site.delay = 0;
          const begin = `(makeLanes(${JSON.stringify(lanes)}), Promise.all(lanes.map((lane) => lane.get())))`;
          await Promise.all([one, two].map((tab) => tab.run(begin)));
          stage.site.delay = Math.floor(Math.random() * 20);
          await two.run("lanes.forEach((lane) => lane.arm({ forceRefresh: true }))");
          // Tab two refreshes 300 ms after tab one fires; each sign-out happens shortly before its refresh, during or after it.
          await one.run(`(tab.fire(), Promise.all(lanes.map(async (lane) => {
            await new Promise((go) => setTimeout(go, 290 + Math.random() * 150));
            // The server's session ends first: otherwise the other tab may rightly fetch a new token.
            await fetch("/sign-out?from=" + lane.key);
            await lane.tokens.clear();
          })))`);
          const states = (before: string) =>
            `Promise.all(lanes.map(async (lane) => {
              ${before}
              const token = await lane.get();
              return { token, status: lane.tokens.getSnapshot().status };
            }))`;
          const after = await Promise.all([
            one.run<State[]>(states("")),
            two.run<State[]>(states('await lane.answer; await lane.heard("cleared");')),
          ]);
          expect(after.flat()).toHaveLength(2 * LANES);
          for (const { token, status } of after.flat()) {
            expect(token).toMatch(/^! ERR_(UNAUTHENTICATED|CLEARED)/);
            expect(status).toBe("empty");
          }
          // A token stored at the same time is erased as soon as the sign-out arrives.
          await until(async () => !(await one.run<string>("tab.stored()")).includes("eyJ"), 2000);
        }
      },
    );

    scenario("sign-in as another user in one tab: the others serve no token of the old user", async () => {
      for (const storage of stores) {
        const [ada, other, grace] = (await openMany(3)) as [Tab, Tab, Tab];
        stage.site.user = "ada";
        for (const tab of [ada, other]) await make(tab, storage, { identity: "ada" });
        await Promise.all([get(ada), get(other)]);
        // In the middle of a refresh.
        stage.site.delay = 300;
        await other.run("void (window.late = tab.get({ forceRefresh: true }))");
        stage.site.user = "grace";
        stage.site.delay = 0;
        await make(grace, storage, { identity: "grace" });
        const token = await get(grace);
        expect(stage.site.tokens.get(token)).toBe("grace");
        for (const tab of [ada, other]) {
          await until(async () => (await types(tab)).includes("cleared"));
          expect(await get(tab)).toBe("! ERR_CLEARED");
        }
        await other.run("window.late");
        await sleep(400);
        // Only grace's token is stored.
        const kept = await grace.run<string>("tab.stored()");
        expect(decodeURIComponent(kept)).toContain(token);
        expect(decodeURIComponent(kept)).not.toContain('"identity":"ada"');
        expect(await get(grace)).toBe(token);
        await grace.run("tab.tokens.clear()");
      }
    });
  });
