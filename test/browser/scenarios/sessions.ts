import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sleep, until } from "../../support/cube.js";
import type { Browser, Engine, Tab } from "../engines/engine.js";
import { isInstalled } from "../engines/installed.mjs";
import { type Report, type SessionsSite, startSessionsSite } from "../sessions-site.js";

/** So long a message to another tab may take on a busy machine (ms). */
const NEWS = 700;

/** The applications: without a framework, with and without `identity`, and with React in its StrictMode. */
const applications = ["plain?", "plain?anonymous", "react?"];

/** Sign-in, sign-out and a change of users as the README has them, in two tabs that ask for a token every 50 ms. */
export function describeSessions(engine: Engine): void {
  describe.skipIf(!isInstalled(engine.name))(`${engine.name}, sessions`, () => {
    let site: SessionsSite;
    let browser: Browser;
    let one: Tab;
    let two: Tab;
    const rows: Record<string, string> = {};

    beforeAll(async () => {
      site = await startSessionsSite();
      browser = await engine.launch();
      two = await browser.open(`${url("sign-in")}`);
      one = await browser.open(`${url("sign-in")}`);
    });
    afterEach(async ({ task: { name, result } }) => {
      if (result?.state !== "fail") return;
      console.log(`${engine.name}: "${name}" failed: ${result.errors?.at(-1)?.message}`);
      // It may be in any state.
      site.reset();
      await browser.close();
      browser = await engine.launch();
      two = await browser.open(`${url("sign-in")}`);
      one = await browser.open(`${url("sign-in")}`);
    });
    afterAll(async () => {
      await browser?.close();
      site?.stop();
      const folder = `coverage/scenarios/${engine.name}`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/sessions.json`, JSON.stringify(rows));
    });

    const url = (path: string) => `http://localhost:${site.port}/${path}`;
    const of = (tab: string, type: Report["type"]) =>
      site.reports.filter((each) => each.tab === tab && each.type === type);
    /** Where the tab is, or goes. */
    const path = (tab: string) => of(tab, "loaded").at(-1)?.path;
    const tokensOf = (tab: string, user: string) =>
      of(tab, "token").filter(({ sub, at }) => sub === user && at >= (of(tab, "loaded").at(-1)?.at ?? 0));
    const stored = (tab: Tab) => tab.run<string>("JSON.stringify(localStorage)");
    const signIn = (tab: Tab, user: string) =>
      tab.run(`fetch("/auth/sign-in?user=${user}", { method: "POST" }).then(() => {})`);
    /** Not waited for: the page may go. */
    const begin = (tab: Tab, act: string) => tab.run(`void page.${act}`);

    interface World {
      application: string;
      /** Goes there, and waits for a token of that user. */
      visit(tab: "one" | "two", user: string, more?: string): Promise<void>;
    }

    const inOrder = (name: string, run: (world: World) => Promise<void>, only = applications) =>
      it(name, { timeout: 60_000, retry: 1 }, async () => {
        rows[name] = "failed";
        for (const application of only) {
          site.reset();
          await Promise.all([one, two].map((tab) => tab.goto(url("sign-in"))));
          await one.run("localStorage.clear()");
          const visit: World["visit"] = async (tab, user, more = "") => {
            await (tab === "one" ? one : two).goto(url(`${application}&tab=${tab}${more}`));
            if (!more) await until(() => tokensOf(tab, user).length);
          };
          try {
            await run({ application, visit });
          } catch (error) {
            const { message } = error as Error;
            throw new Error(`${application} ${message}\n${JSON.stringify(log())}`);
          }
        }
        rows[name] = "passed";
      });

    /** What happened, without the ever same. */
    const log = () =>
      site.reports
        .map(({ tab, type, path, label, sub, sid, code, at, ...rest }) => {
          const what = [tab, type, path, label, sub, sid, code, JSON.stringify(rest)].filter(Boolean).join(" ");
          return { what, at };
        })
        .filter(({ what }, index, all) => what !== all[index - 1]?.what)
        .map(({ what, at }) => `${at % 100_000} ${what}`);

    /** Both tabs, signed in as Ada. */
    const bothAsAda = async ({ visit }: World) => {
      await signIn(one, "ada");
      await visit("two", "ada");
      await visit("one", "ada");
      site.reports = site.reports.filter(({ type }) => type !== "loaded");
    };
    const loads = (tab: string) => of(tab, "loaded").length;

    /** Nothing of a session that is over was handed out, or sent to Cube, once the news of its end had come. */
    const nothingOld = () => {
      const late = ({ sid = 0, at }: { sid?: number; at: number }) => at > (site.over.get(sid) ?? Infinity) + NEWS;
      expect(site.reports.filter((each) => each.type === "token" && late(each))).toEqual([]);
      expect(site.queries.filter(late)).toEqual([]);
      // Whose page it is, theirs is the token.
      const wrong = site.reports.filter(({ type, label, sub }) => type === "token" && label !== sub);
      expect(wrong).toEqual([]);
    };
    /** Signed out: both have gone once, and nothing is left. */
    const signedOut = async (bound = 1) => {
      await until(() => path("one") === "/sign-in" && path("two") === "/sign-in", 5000);
      await sleep(NEWS / 2);
      expect([loads("one"), loads("two")]).toEqual([bound, bound]);
      await until(async () => !(await stored(one)).includes("eyJ"), 1500);
      expect(await stored(two)).not.toContain("eyJ");
      nothingOld();
    };

    inOrder("sign-out with nothing under way", async (world) => {
      await bothAsAda(world);
      await begin(one, "signOut()");
      await signedOut();
    });

    for (const [who, tab] of [
      ["its own", "one"],
      ["the other tab's", "two"],
    ] as const) {
      const refreshing = async (world: World) => {
        await bothAsAda(world);
        site.hold("token");
        await begin(tab === "one" ? one : two, "refresh()");
        await until(() => site.held("token"));
      };
      inOrder(`sign-out, and ${who} refresh is answered before the server's answer to it`, async (world) => {
        await refreshing(world);
        site.hold("sign-out");
        await begin(one, "signOut()");
        await until(() => site.held("sign-out"));
        site.release("token");
        await sleep(150);
        site.release("sign-out");
        await signedOut();
      });
      inOrder(`sign-out, and ${who} refresh is answered at the same time`, async (world) => {
        await refreshing(world);
        site.hold("sign-out");
        await begin(one, "signOut()");
        await until(() => site.held("sign-out"));
        const [first, then] = Math.random() < 0.5 ? (["token", "sign-out"] as const) : (["sign-out", "token"] as const);
        site.release(first);
        await sleep(Math.random() * 15);
        site.release(then);
        await signedOut();
      });
      inOrder(`sign-out, and ${who} refresh is answered after it`, async (world) => {
        await refreshing(world);
        await begin(one, "signOut()");
        await sleep(250);
        site.release("token");
        await signedOut();
      });
      inOrder(`sign-out, and ${who} refresh meets the end of the session in the middle of it`, async (world) => {
        await bothAsAda(world);
        site.hold("sign-out");
        await begin(one, "signOut()");
        await until(() => site.held("sign-out"));
        await begin(tab === "one" ? one : two, "refresh()");
        await sleep(200);
        site.release("sign-out");
        await signedOut();
      });
    }

    inOrder("sign-out in both tabs at once", async (world) => {
      await bothAsAda(world);
      await Promise.all([begin(one, "signOut()"), begin(two, "signOut()")]);
      await signedOut();
    });

    inOrder("sign-out of a session that the server has ended already", async (world) => {
      await bothAsAda(world);
      site.expire();
      await begin(one, "signOut().catch(() => {})");
      await signedOut();
    });

    inOrder("sign-out while the server is down changes nothing; later it works", async (world) => {
      await bothAsAda(world);
      site.fails = true;
      expect(await one.run("page.signOut().then(() => 'done', ({ message }) => message)")).toContain("503");
      const before = site.reports.length;
      await sleep(200);
      expect(site.reports.slice(before).map(({ type }) => type)).toContain("token");
      expect(site.reports.slice(before).map(({ type }) => type)).not.toContain("error");
      site.fails = false;
      await begin(one, "signOut()");
      await signedOut();
    });

    inOrder(
      "sign-out in a page that has asked for no token",
      async (world) => {
        await bothAsAda(world);
        await world.visit("one", "ada", "&idle");
        await until(() => loads("one"));
        await sleep(100);
        site.reports = site.reports.filter(({ type }) => type !== "loaded");
        await begin(one, "signOut()");
        await signedOut();
      },
      ["plain?", "plain?anonymous"],
    );

    inOrder("sign-out, and the next user signs in before a late answer", async (world) => {
      await bothAsAda(world);
      site.hold("token");
      await begin(two, "refresh()");
      await until(() => site.held("token"));
      await begin(one, "signOut()");
      await until(() => path("one") === "/sign-in" && path("two") === "/sign-in", 5000);
      expect([loads("one"), loads("two")]).toEqual([1, 1]);
      await signIn(one, "grace");
      await one.goto(url(`${world.application}&tab=one`));
      await sleep(100);
      site.release("token");
      await until(() => tokensOf("one", "grace").length);
      await world.visit("two", "grace");
      await sleep(NEWS);
      nothingOld();
    });

    for (const [name, busy] of [
      ["nothing under way", []],
      ["its own refresh under way", [() => one]],
      ["the other tab's refresh under way", [() => two]],
      ["both refreshing", [() => one, () => two]],
    ] as [string, (() => Tab)[]][]) {
      inOrder(
        `another user signs in without a page load, ${name}`,
        async (world) => {
          await bothAsAda(world);
          if (busy.length) {
            site.hold("token");
            for (const tab of busy) await begin(tab(), "refresh()");
            await until(() => site.held("token"));
          }
          await begin(one, 'switchTo("grace")');
          await sleep(150);
          site.release("token");
          await until(() => tokensOf("one", "grace").length && tokensOf("two", "grace").length, 5000);
          await sleep(NEWS / 2);
          // The other tab has gone once, to be the next user's.
          expect([loads("one"), loads("two")]).toEqual([0, 1]);
          nothingOld();
          const kept = await stored(one);
          expect(kept).toContain("eyJ");
          expect(JSON.parse(atob(/eyJ[^.]*\.([^.]*)/.exec(kept)![1]!))).toMatchObject({ sub: "grace" });
        },
        ["plain?", "react?"],
      );
    }

    inOrder("401: both tabs go to sign in; the same user signs in again", async (world) => {
      await bothAsAda(world);
      site.expire();
      await begin(one, "refresh()");
      await signedOut();
      await signIn(one, "ada");
      await world.visit("one", "ada");
      await world.visit("two", "ada");
      nothingOld();
    });

    inOrder("401: another user signs in", async (world) => {
      await bothAsAda(world);
      site.expire();
      await begin(two, "refresh()");
      await signedOut();
      await signIn(one, "grace");
      await world.visit("one", "grace");
      await world.visit("two", "grace");
      await sleep(NEWS / 2);
      nothingOld();
    });

    inOrder("401 that reaches one tab after the same user has signed in again in the other", async (world) => {
      await bothAsAda(world);
      site.expire();
      site.hold("token");
      await begin(two, "refresh()");
      await until(() => site.held("token"));
      await one.goto(url("sign-in"));
      await signIn(one, "ada");
      await one.goto(url(`${world.application}&tab=one`));
      await until(() => of("one", "token").length);
      await begin(one, "refresh()");
      await sleep(100);
      const before = loads("one");
      site.release("token");
      await until(() => path("two") !== "/plain" && path("two") !== "/react", 5000);
      await sleep(NEWS);
      expect(loads("one") - before).toBeLessThanOrEqual(1);
      expect(loads("two")).toBe(1);
      await world.visit("one", "ada");
      await sleep(200);
      // Not thrown out again.
      expect(path("one")).toMatch(/plain|react/);
      nothingOld();
    });
  });
}
