import { expect } from "vitest";
import { sleep } from "../../support/cube.js";
import type { Engine } from "../engines/engine.js";
import { describeOn, stores } from "../stage.js";

/** Scenarios of twenty tabs. */
export const describeTwentyTabs = (engine: Engine): void =>
  describeOn(engine, "twenty tabs", (stage) => {
    const { scenario, twentyTabs, make, get, details, askAtOnce, expired } = stage;

    for (const storage of stores) {
      scenario(`20 tabs, token just expired (${storage}): one request, 20 equal tokens`, async () => {
        const tabs = await twentyTabs();
        await expired(tabs[0]!, storage);
        for (const tab of tabs) await make(tab, storage);
        const tokens = await askAtOnce(tabs);
        expect(new Set(tokens).size).toBe(1);
        expect(tokens[0]).toMatch(/^eyJ/);
        expect(stage.site.requests.length).toBe(1);
        const from = (await Promise.all(tabs.map(details))).flat();
        expect(from.filter((detail) => detail === "source")).toHaveLength(1);
      });
    }

    scenario("20 tabs, endpoint fails: bounded requests, and one code", async () => {
      const tabs = await twentyTabs();
      stage.site.mode = "fails";
      for (const tab of tabs) await make(tab, "local", { retries: 1 });
      const answers = await askAtOnce(tabs);
      expect(new Set(answers)).toEqual(new Set(["! ERR_HTTP_STATUS"]));
      expect(stage.site.requests.length).toBeLessThanOrEqual(4);
      // Twenty tabs that keep asking for some seconds share one budget.
      for (let round = 0; round < 5; round++) {
        await Promise.all(tabs.map((tab) => tab.run("void tab.get()")));
        await sleep(300);
      }
      expect(stage.site.requests.length).toBeLessThanOrEqual(10);
      stage.site.mode = "works";
      const before = stage.site.requests.length;
      // The longest pause, a minute after the first failure, is 30 s.
      await Promise.all(tabs.map((tab) => tab.run("tab.insist(32000, 200)")));
      // A tab that has not received the failure would ask as well.
      await Promise.all(tabs.map((tab) => tab.run("tab.poll(5000, 200)")));
      const tokens = await Promise.all(tabs.map((tab) => get(tab)));
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).toMatch(/^eyJ/);
      expect(stage.site.requests.length - before).toBeLessThanOrEqual(2);
    });

    scenario("20 tabs over five lifetimes: as many requests as one tab makes, plus at most one", async () => {
      const tabs = await twentyTabs();
      stage.site.ttl = 4;
      for (const tab of tabs) await make(tab, "local", { refreshJitter: 0 });
      // Background timers are slow: the clock at each call counts.
      const failures = await Promise.all(tabs.map((tab) => tab.run<string[]>("tab.poll(20000, 250)")));
      expect(failures.flat()).toEqual([]);
      // One tab asks after half of a token's lifetime, and exp is in whole seconds: not before 1.5 s.
      const gaps = stage.site.requests.slice(1).map(({ at }, index) => at - stage.site.requests[index]!.at);
      expect(gaps.length).toBeGreaterThanOrEqual(5);
      expect(gaps.filter((gap) => gap < 1400).length).toBeLessThanOrEqual(1);
    });
  });
