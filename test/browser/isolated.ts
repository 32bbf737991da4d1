import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { until } from "../support/cube.js";
import type { Engine, Tab } from "./engines/engine.js";
import { type IsolatedSite, startIsolatedSite } from "./isolated-site.js";
import { describeOn } from "./stage.js";

type Chart = { drawn: number; errors: string[] };

/** A hostile script in a page whose token is in a worker. */
export const describeIsolated = (engine: Engine): void =>
  describeOn(engine, "isolated", (stage) => {
    const { scenario } = stage;
    let site: IsolatedSite;
    beforeAll(async () => {
      site = await startIsolatedSite();
    });
    beforeEach(() => site.reset());
    afterAll(() => site?.stop());

    const open = (path = "") => stage.open(path, site.url);
    const chart = (tab: Tab) => tab.run<Chart>("chart");
    /** Checks that the chart is redrawn several times without an error. */
    const goesOn = async (tab: Tab) => {
      const { drawn } = await chart(tab);
      await until(async () => (await chart(tab)).drawn > drawn + 2, 20_000);
      expect((await chart(tab)).errors).toEqual([]);
      expect(await tab.run("load()")).toBe(2);
    };
    const inject = (tab: Tab) =>
      tab.run(`new Promise((resolve) => {
        const script = document.createElement("script");
        script.onload = () => resolve(true);
        script.src = "/attack.js";
        document.head.append(script);
      })`);

    /** Parts of the tokens that must not leak: random claims (others have the same `exp`) and the signature. */
    const parts = (from: string[]) =>
      site.tokens
        .filter((each) => from.includes(each.from))
        .flatMap(({ token }) => {
          const [, claims, signature] = token.split(".") as [string, string, string];
          return [claims.slice(36, 54), signature, signature.slice(0, 12)];
        });

    const find = (tab: Tab, needles: string[]) =>
      tab.run(`attack.found(${JSON.stringify(needles.map((each) => Buffer.from(each).toString("hex")))})`);

    /** Checks that the worker's tokens were sent only to Cube, in their header. */
    const expectKept = async (tab: Tab) => {
      const needles = parts(["worker"]);
      expect(needles.length).toBeGreaterThan(0);
      expect(await tab.run<number>("attack.size()")).toBeGreaterThan(100);
      expect(await find(tab, needles)).toEqual([]);
      for (const { path, url, headers, body } of site.requests) {
        const { authorization = "", ...others } = headers;
        const rest = JSON.stringify([url, others, body]);
        expect(needles.filter((needle) => rest.includes(needle))).toEqual([]);
        if (needles.some((needle) => authorization.includes(needle))) {
          expect(path).toMatch(/^\/cubejs-api\/v1\/(load|subscribe|sql|meta|dry-run|cubesql)$/);
        }
        expect(Object.keys(headers).filter((name) => /evil/i.test(name))).toEqual([]);
      }
    };

    scenario("isolated: a chart works over many tokens, in a worker and in a shared worker", async () => {
      site.ttl = 3;
      for (const path of ["", "?shared"]) {
        const tab = await open(path);
        await goesOn(tab);
        await until(() => site.tokens.length > 3, 20_000);
        await goesOn(tab);
        expect(await tab.run("tokens.getSnapshot().claims.sub")).toBe("ada");
        expect(await tab.run("'getToken' in tokens")).toBe(false);
        site.tokens.length = 0;
      }
    });

    scenario("isolated: a sign-out reaches the worker, and the next query requests a new token", async () => {
      const tab = await open();
      await goesOn(tab);
      await tab.run("tokens.clear()");
      await until(() => site.tokens.length === 2);
      await goesOn(tab);
    });

    scenario("isolated: a terminated worker is restarted, and pending queries are answered", async () => {
      const tab = await open();
      await goesOn(tab);
      const outcome = await tab.run<{ started: number; counts: number[]; ended: string }>(`(async () => {
        let started = 0;
        let current;
        const start = () => { started++; return (current = new Worker("/cube-worker.js")); };
        const api = isolated.createIsolatedCubeApi(start);
        const query = { measures: ["Things.count"] };
        const load = async () => Number((await api.load(query)).rawData()[0]["Things.count"]);
        const counts = [await load()];
        const slow = load();
        current.terminate();
        counts.push(await slow, await load());
        // The application's own worker, which cannot be restarted.
        const waiting = cubeApi.load(query).catch((error) => error.name + " " + error.code);
        worker.terminate();
        const ended = await waiting;
        return { started, counts, ended: typeof ended === "string" ? ended : await load().then(() => "answered before") };
      })()`);
      expect(outcome.started).toBe(2);
      expect(outcome.counts).toEqual([2, 2, 2]);
      expect(outcome.ended).toMatch(/CubeTokenError ERR_DISPOSED|answered before/);
    });

    for (const path of ["", "?shared"]) {
      scenario(
        `isolated: a hostile script after the set-up gets nothing out of the worker${path}`,
        async () => {
          site.ttl = 20;
          const tab = await open(path);
          await goesOn(tab);
          await inject(tab);
          await tab.run("attack.run()");
          await goesOn(tab);
          await expectKept(tab);
        },
      );
    }

    scenario(
      "isolated: a hostile script before the set-up gets nothing out of the worker either",
      async () => {
        const tab = await open("attacked-first");
        await goesOn(tab);
        await tab.run("attack.run()");
        await goesOn(tab);
        await expectKept(tab);
      },
    );

    scenario(
      "isolated: a hostile script can ask the endpoint itself, unless that requires a secret of the worker",
      async () => {
        const tab = await open();
        await goesOn(tab);
        await inject(tab);
        const open_ = await tab.run<Record<string, string>>("attack.askEndpoint()");
        // With the user's cookie: from the page, from its own worker, and through the application's script in that worker.
        for (const way of ["page", "worker", "imported", "module"])
          expect([way, open_[way]]).toEqual([way, expect.stringContaining("eyJ")]);
        expect(new Set(site.tokens.map(({ from }) => from))).toEqual(
          new Set(["worker", "page", "own", "imported"]),
        );

        site.reset();
        site.guarded = true;
        const other = await open();
        await goesOn(other);
        await inject(other);
        const closed = await other.run<Record<string, string>>("attack.askEndpoint()");
        for (const way of ["page", "worker", "imported", "module"]) expect(closed[way]).not.toContain("eyJ");
        expect(closed.source).not.toContain("only-the-script-of-a-worker-has-this");
        expect(new Set(site.tokens.map(({ from }) => from))).toEqual(new Set(["worker"]));
        await other.run("attack.run()");
        await goesOn(other);
        await expectKept(other);
      },
    );

    scenario(
      "isolated: an attacker's service worker sees the worker's requests only with a scope above its script",
      async () => {
        const register = async (path: string) => {
          const tab = await open();
          await goesOn(tab);
          await inject(tab);
          const outcome = await tab.run(`attack.serviceWorker("${path}").then(() => "registered", String)`);
          await goesOn(tab);
          return { tab, outcome };
        };
        // A server that refuses foreign service workers.
        site.guarded = true;
        const guarded = await register("/sw.js");
        expect(guarded.outcome).not.toBe("registered");
        await expectKept(guarded.tab);

        site.reset();
        const below = await register("/uploads/sw.js");
        expect(below.outcome).toBe("registered");
        await expectKept(below.tab);
        // A service worker that controls the worker's script sees all its requests and responses.
        await below.tab.run("attack.serviceWorker('/sw.js')");
        expect(await find(below.tab, parts(["worker"]))).not.toEqual([]);
      },
    );
  });
