import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sleep, until } from "../../support/cube.js";
import type { Browser, Engine, Tab } from "../engines/engine.js";
import { isInstalled } from "../engines/installed.mjs";
import { type Report, type SessionsSite, startSessionsSite } from "../sessions-site.js";

/** The longest delay of a message to another tab on a busy machine (ms). */
const NEWS = 700;

type Name = "one" | "two";

/** Nothing more happens after this time (ms). */
const SETTLED = 300;

/** The applications: without a framework, with and without `identity`, and with React in its StrictMode. */
const applications = ["plain?", "plain?anonymous", "react?"];

/** An application on a site of its own, and two tabs that ask for a token every 50 ms. */
class World {
  readonly application: string;
  readonly site: SessionsSite;
  one!: Tab;
  two!: Tab;

  constructor(application: string, site: SessionsSite) {
    this.application = application;
    this.site = site;
  }

  readonly url = (path: string): string => `http://localhost:${this.site.port}/${path}`;

  async open(browser: Browser): Promise<void> {
    this.two = await browser.open(this.url("sign-in"));
    this.one = await browser.open(this.url("sign-in"));
  }

  async begin(): Promise<void> {
    for (const name of ["one", "two"] as const) {
      if (this.path(name) !== "/sign-in") await this[name].goto(this.url("sign-in"));
    }
    this.site.reset();
    await this.one.run("localStorage.clear()");
    this.site.reports = [];
  }

  readonly #of = (name: Name, type: Report["type"]) =>
    this.site.reports.filter((each) => each.tab === name && each.type === type);
  readonly loads = (name: Name): number => this.#of(name, "loaded").length;
  /** The path of the tab. */
  readonly path = (name: Name): string | undefined => this.#of(name, "loaded").at(-1)?.path;
  /** The number of that user's tokens in the current page. */
  readonly tokensOf = (name: Name, user: string): number =>
    this.#of(name, "token").filter(
      ({ sub, at }) => sub === user && at >= (this.#of(name, "loaded").at(-1)?.at ?? 0),
    ).length;

  readonly stored = (tab: Tab): Promise<string> => tab.run<string>("JSON.stringify(localStorage)");

  readonly signIn = (user: string): Promise<unknown> =>
    this.one.run(`fetch("/auth/sign-in?user=${user}", { method: "POST" }).then(() => {})`);

  /** Goes to the application, and waits for that user's token. */
  async visit(name: Name, user: string): Promise<void> {
    const before = this.loads(name);
    await this[name].goto(this.url(`${this.application}&tab=${name}`));
    await until(() => this.loads(name) > before && this.tokensOf(name, user));
  }

  async bothAsAda(): Promise<void> {
    await this.signIn("ada");
    await this.visit("two", "ada");
    await this.visit("one", "ada");
    this.countLoads();
  }

  /** Restarts the count of page loads. */
  countLoads(): void {
    this.site.reports = this.site.reports.filter(({ type }) => type !== "loaded");
  }

  readonly act = (name: Name, what: string): Promise<void> => this.site.act(name, what);

  /** Starts a refresh of that tab, which the endpoint does not answer yet. */
  async refreshing(...names: Name[]): Promise<void> {
    this.site.hold("token");
    for (const name of names) await this.act(name, "refresh");
    await until(() => this.site.held("token"));
  }

  /** Ends the session on the server, which does not answer yet. */
  async signingOut(): Promise<void> {
    this.site.hold("sign-out");
    await this.act("one", "signOut");
    await until(() => this.site.held("sign-out"));
  }

  /** Checks that no token of an ended session was returned or sent to Cube after the sign-out had arrived. */
  nothingOld(): void {
    const { over, reports, queries } = this.site;
    const late = ({ sid = 0, at }: { sid?: number; at: number }) => at > (over.get(sid) ?? Infinity) + NEWS;
    expect(reports.filter((each) => each.type === "token" && late(each))).toEqual([]);
    expect(queries.filter(late)).toEqual([]);
    // Each page's token belongs to its user.
    expect(reports.filter(({ type, label, sub }) => type === "token" && label !== sub)).toEqual([]);
  }

  /** Checks that each tab has navigated once, and no token is left. */
  async signedOut(): Promise<void> {
    await until(() => this.path("one") === "/sign-in" && this.path("two") === "/sign-in", 5000);
    await sleep(SETTLED);
    expect([this.loads("one"), this.loads("two")]).toEqual([1, 1]);
    await until(async () => !(await this.stored(this.one)).includes("eyJ"), 1500);
    expect(await this.stored(this.two)).not.toContain("eyJ");
    this.nothingOld();
  }

  /** The reports, without repetitions. */
  log(): string[] {
    return this.site.reports
      .map(({ at, ...what }) => ({ at, what: Object.values(what).join(" ") }))
      .filter(({ what }, index, all) => what !== all[index - 1]?.what)
      .map(({ at, what }) => `${at % 100_000} ${what}`);
  }
}

/** Sign-in, sign-out and a change of users, as in the README. */
export function describeSessions(engine: Engine): void {
  describe.skipIf(!isInstalled(engine.name))(`${engine.name}, sessions`, () => {
    const worlds: World[] = [];
    let browser: Browser;
    const rows: Record<string, string> = {};

    const launch = async () => {
      browser = await engine.launch();
      for (const world of worlds) await world.open(browser);
    };
    beforeAll(async () => {
      for (const each of applications) worlds.push(new World(each, await startSessionsSite()));
      await launch();
    });
    afterEach(async ({ task: { name, result } }) => {
      if (result?.state !== "fail") return;
      console.log(`${engine.name}: "${name}" failed: ${result.errors?.at(-1)?.message}`);
      await browser.close();
      await launch();
    });
    afterAll(async () => {
      await browser?.close();
      for (const { site } of worlds) site.stop();
      const folder = `coverage/scenarios/${engine.name}`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/sessions.json`, JSON.stringify(rows));
    });

    /** In all applications in parallel, as most of the time is spent waiting. */
    const inOrder = (name: string, run: (world: World) => Promise<void>, only = applications) =>
      it(name, { timeout: 60_000, retry: 1 }, async () => {
        rows[name] = "failed";
        const playing = worlds.filter(({ application }) => only.includes(application));
        await Promise.all(
          playing.map(async (world) => {
            try {
              await world.begin();
              await run(world);
            } catch (error) {
              throw new Error(`${world.application} ${(error as Error).message}\n${world.log().join("\n")}`);
            }
          }),
        );
        rows[name] = "passed";
      });

    inOrder("sign-out with nothing in flight", async (world) => {
      await world.bothAsAda();
      await world.act("one", "signOut");
      await world.signedOut();
    });

    for (const [whose, name] of [
      ["its own", "one"],
      ["the other tab's", "two"],
    ] as const) {
      inOrder(
        `sign-out, and ${whose} refresh is answered before the server's answer to it`,
        async (world) => {
          await world.bothAsAda();
          await world.refreshing(name);
          await world.signingOut();
          world.site.release("token");
          await sleep(150);
          world.site.release("sign-out");
          await world.signedOut();
        },
      );

      inOrder(`sign-out, and ${whose} refresh is answered at the same time`, async (world) => {
        await world.bothAsAda();
        await world.refreshing(name);
        await world.signingOut();
        const [first, then] =
          Math.random() < 0.5 ? (["token", "sign-out"] as const) : (["sign-out", "token"] as const);
        world.site.release(first);
        await sleep(Math.random() * 15);
        world.site.release(then);
        await world.signedOut();
      });

      inOrder(`sign-out, and ${whose} refresh is answered after it`, async (world) => {
        await world.bothAsAda();
        await world.refreshing(name);
        await world.act("one", "signOut");
        await sleep(250);
        world.site.release("token");
        await world.signedOut();
      });

      inOrder(
        `the session ends on the server during the sign-out, then ${whose} refresh starts`,
        async (world) => {
          await world.bothAsAda();
          await world.signingOut();
          await world.act(name, "refresh");
          await sleep(200);
          world.site.release("sign-out");
          await world.signedOut();
        },
      );
    }

    inOrder("sign-out in both tabs at once", async (world) => {
      await world.bothAsAda();
      await Promise.all([world.act("one", "signOut"), world.act("two", "signOut")]);
      await world.signedOut();
    });

    inOrder("sign-out of a session that the server has already ended", async (world) => {
      await world.bothAsAda();
      world.site.expire();
      await world.act("one", "signOut");
      await world.signedOut();
    });

    inOrder("sign-out while the server is down changes nothing; later it works", async (world) => {
      const { site, one } = world;
      await world.bothAsAda();
      site.fails = true;
      expect(await one.run("page.signOut().then(() => '', ({ message }) => message)")).toContain("503");
      const since = site.reports.length;
      const types = () => new Set(site.reports.slice(since).map(({ type }) => type));
      await until(() => types().has("token"));
      expect(types()).toEqual(new Set(["token"]));
      site.fails = false;
      await world.act("one", "signOut");
      await world.signedOut();
    });

    inOrder(
      "sign-out in a page that has requested no token",
      async (world) => {
        await world.bothAsAda();
        await world.one.goto(world.url(`${world.application}&tab=one&idle`));
        await until(() => world.one.run("!!page.user()"));
        await until(() => world.loads("one"));
        world.countLoads();
        await world.act("one", "signOut");
        await world.signedOut();
      },
      ["plain?", "plain?anonymous"],
    );

    inOrder("sign-out, and the next user signs in before a late answer", async (world) => {
      await world.bothAsAda();
      await world.refreshing("two");
      await world.act("one", "signOut");
      await until(() => world.path("one") === "/sign-in" && world.path("two") === "/sign-in", 5000);
      expect([world.loads("one"), world.loads("two")]).toEqual([1, 1]);
      await world.signIn("grace");
      const visit = world.visit("one", "grace");
      await sleep(150);
      world.site.release("token");
      await visit;
      await world.visit("two", "grace");
      await sleep(SETTLED);
      world.nothingOld();
    });

    for (const [what, names] of [
      ["nothing under way", []],
      ["its own refresh in flight", ["one"]],
      ["the other tab's refresh in flight", ["two"]],
      ["both refreshing", ["one", "two"]],
    ] as [string, Name[]][]) {
      inOrder(
        `another user signs in without a page load, ${what}`,
        async (world) => {
          await world.bothAsAda();
          if (names.length) await world.refreshing(...names);
          await world.act("one", "switchTo grace");
          await sleep(150);
          world.site.release("token");
          await until(() => world.tokensOf("one", "grace") && world.tokensOf("two", "grace"), 5000);
          await sleep(SETTLED);
          // The other tab has reloaded once for the next user.
          expect([world.loads("one"), world.loads("two")]).toEqual([0, 1]);
          world.nothingOld();
          const kept = /eyJ[^.]*\.([^.]*)/.exec(await world.stored(world.one));
          expect(JSON.parse(atob(kept![1]!))).toMatchObject({ sub: "grace" });
        },
        // Two managers for two users without a page load need different identities.
        ["plain?", "react?"],
      );
    }

    inOrder("401: both tabs go to sign in; the same user signs in again", async (world) => {
      await world.bothAsAda();
      world.site.expire();
      await world.act("one", "refresh");
      await world.signedOut();
      await world.signIn("ada");
      await world.visit("one", "ada");
      await world.visit("two", "ada");
      world.nothingOld();
    });

    inOrder("401: both tabs go to sign in; another user signs in", async (world) => {
      await world.bothAsAda();
      world.site.expire();
      await world.act("two", "refresh");
      await world.signedOut();
      await world.signIn("grace");
      await world.visit("one", "grace");
      await world.visit("two", "grace");
      world.nothingOld();
    });

    inOrder(
      "401 that reaches one tab after the same user has signed in again in the other",
      async (world) => {
        await world.bothAsAda();
        world.site.expire();
        await world.refreshing("two");
        await world.one.goto(world.url("sign-in"));
        await world.signIn("ada");
        await world.visit("one", "ada");
        await world.act("one", "refresh");
        world.countLoads();
        world.site.release("token");
        await until(() => world.path("two"), 5000);
        await sleep(NEWS);
        // Neither is notified twice.
        expect(world.loads("one")).toBeLessThanOrEqual(1);
        expect(world.loads("two")).toBe(1);
        await world.visit("one", "ada");
        await world.visit("two", "ada");
        world.countLoads();
        await sleep(SETTLED);
        expect([world.loads("one"), world.loads("two")]).toEqual([0, 0]);
      },
    );
  });
}
