import { lookup } from "node:dns/promises";
import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { sleep, until } from "../support/cube.js";
import type { Browser, Engine, Tab } from "./engines/engine.js";
import { isInstalled } from "./engines/installed.mjs";
import { type Site, startSite } from "./site.js";

type Row = "passed" | "failed" | "cannot be expressed";

interface State {
  status: string;
  token: string;
}

/** Every scenario, once per engine. Each starts with a site that works and with nothing stored. */
export function describeScenarios(engine: Engine): void {
  describe.skipIf(!isInstalled(engine.name))(engine.name, () => {
    let site: Site;
    let browser: Browser;
    /** It only cleans up: others may be crashed or frozen. */
    let cleaner: Tab;
    let url: string;
    const rows: Record<string, Row> = {};
    const opened: Tab[] = [];
    /** Dear to open: the scenarios that want twenty tabs take those of the one before. */
    const twenty: Tab[] = [];

    const launch = async () => {
      browser = await engine.launch();
      cleaner = await browser.open(`${url}elsewhere`);
    };
    beforeAll(async () => {
      site = await startSite();
      url = `http://localhost:${site.port}/`;
      await launch();
    });
    afterAll(async () => {
      await browser?.close();
      site?.stop();
      mkdirSync("coverage/scenarios", { recursive: true });
      writeFileSync(`coverage/scenarios/${engine.name}.json`, JSON.stringify(rows));
    });
    const clean = async () => {
      await browser.offline?.(false);
      await Promise.all(opened.splice(0).map((each) => each.close().catch(() => {})));
      // Loaded anew they have no manager, and know nothing.
      await Promise.all(twenty.map((each) => each.reload()));
      await cleaner.goto(url);
      // What a tab has written may reach the storage after it is closed.
      await until(async () => {
        await cleaner.run("tab.wipe()");
        return (await cleaner.run("tab.stored()")) === "";
      });
      // A page that has seen the storage keeps a view of it for some seconds, in Firefox.
      await cleaner.goto(`${url}elsewhere`);
    };
    afterEach(async ({ task }) => {
      // What hangs would keep the next page waiting.
      site.reset();
      // A tab that the driver has lost goes on, and its token would be found by the next try.
      const isClean =
        task.result?.state !== "fail" &&
        (await clean().then(
          () => true,
          () => false,
        ));
      if (!isClean) {
        opened.length = twenty.length = 0;
        await browser.close();
        await launch();
      }
      // A tab may have asked before it was closed.
      site.reset();
    });

    /** One row of the table. */
    function scenario(
      name: string,
      run: (context: TestContext) => Promise<void>,
      needs?: keyof Browser | keyof Tab,
    ) {
      // Once more where it fails: a driver on a busy machine loses a tab now and then. What is wrong fails twice.
      it(name, { timeout: 120_000, retry: 1 }, async (context) => {
        rows[name] = "failed";
        const [probe] = needs && !(needs in browser) ? [await open()] : [];
        if (needs && !(needs in browser) && !(needs in probe!)) {
          rows[name] = "cannot be expressed";
          return;
        }
        await run(context);
        if (rows[name] === "failed") rows[name] = "passed";
      });
    }
    const cannot = (name: string) => {
      rows[name] = "cannot be expressed";
    };

    async function open(path = "", origin = url): Promise<Tab> {
      const tab = await browser.open(origin + path);
      opened.push(tab);
      return tab;
    }
    const openMany = async (count: number) => {
      const tabs: Tab[] = [];
      for (let n = 0; n < count; n++) tabs.push(await open());
      return tabs;
    };
    const twentyTabs = async () => {
      while (twenty.length < 20) twenty.push(await browser.open(url));
      return twenty;
    };
    const make = (tab: Tab, storage: string, options: object = {}) =>
      tab.run(`void tab.make(${JSON.stringify(storage)}, ${JSON.stringify(options)})`);
    const get = (tab: Tab, options: object = {}) => tab.run<string>(`tab.get(${JSON.stringify(options)})`);
    const types = (tab: Tab) => tab.run<string[]>("tab.types()");
    const details = (tab: Tab) =>
      tab
        .run<{ type: string; detail?: string }[]>("tab.events")
        .then((events) => events.map(({ detail }) => detail));
    /** All ask at the same moment, however long the driver takes to tell them. */
    const askAtOnce = async (tabs: Tab[], options: object = {}) => {
      await Promise.all(tabs.map((tab) => tab.run(`tab.arm(${JSON.stringify(options)})`)));
      await tabs[0]!.run("tab.fire()");
      return Promise.all(tabs.map((tab) => tab.run<string>("tab.answer")));
    };
    /** A stored token that has just expired. */
    const expired = async (tab: Tab, storage: string) => {
      site.ttl = 2;
      await make(tab, storage, { autoRefresh: false });
      expect(await get(tab)).toMatch(/^eyJ/);
      await sleep(3500);
      site.ttl = 300;
      site.requests.length = 0;
    };
    const stores = ["local", "indexeddb", "cookie"];

    describe("with twenty tabs", () => {
      afterAll(async () => {
        await Promise.all(twenty.splice(0).map((tab) => tab.close().catch(() => {})));
      });

      for (const storage of stores) {
        scenario(`20 tabs, token just expired (${storage}): one request, 20 equal tokens`, async () => {
          const tabs = await twentyTabs();
          await expired(tabs[0]!, storage);
          for (const tab of tabs) await make(tab, storage);
          const tokens = await askAtOnce(tabs);
          expect(new Set(tokens).size).toBe(1);
          expect(tokens[0]).toMatch(/^eyJ/);
          expect(site.requests.length).toBe(1);
          const from = (await Promise.all(tabs.map(details))).flat();
          expect(from.filter((detail) => detail === "source")).toHaveLength(1);
        });
      }

      scenario("20 tabs, endpoint fails: bounded requests, and one code", async () => {
        const tabs = await twentyTabs();
        site.mode = "fails";
        for (const tab of tabs) await make(tab, "local", { retries: 1 });
        const answers = await askAtOnce(tabs);
        expect(new Set(answers)).toEqual(new Set(["! ERR_HTTP_STATUS"]));
        expect(site.requests.length).toBeLessThanOrEqual(4);
        // Twenty tabs that insist for some seconds share one budget.
        for (let round = 0; round < 5; round++) {
          await Promise.all(tabs.map((tab) => tab.run("void tab.get()")));
          await sleep(300);
        }
        expect(site.requests.length).toBeLessThanOrEqual(10);
        site.mode = "works";
        const before = site.requests.length;
        const tokens = await Promise.all(
          tabs.map((tab) => tab.run<string>("tab.poll(17000, 200).then(() => tab.get())")),
        );
        expect(new Set(tokens).size).toBe(1);
        expect(tokens[0]).toMatch(/^eyJ/);
        expect(site.requests.length - before).toBeLessThanOrEqual(2);
      });

      scenario(
        "20 tabs over five lifetimes: as many requests as one tab makes, plus at most one",
        async () => {
          const tabs = await twentyTabs();
          site.ttl = 4;
          for (const tab of tabs) await make(tab, "local", { refreshJitter: 0 });
          // In the background timers are slow: what counts is the clock at each call.
          const failures = await Promise.all(tabs.map((tab) => tab.run<string[]>("tab.poll(20000, 250)")));
          expect(failures.flat()).toEqual([]);
          // One tab asks when half of a token's life is over, and exp is in whole seconds: not before 1.5 s.
          const gaps = site.requests.slice(1).map(({ at }, index) => at - site.requests[index]!.at);
          expect(gaps.length).toBeGreaterThanOrEqual(5);
          expect(gaps.filter((gap) => gap < 1400).length).toBeLessThanOrEqual(1);
        },
      );
    });

    /** The first of these tabs holds the lock, and what it waits for never comes. */
    const lockHeld = async () => {
      const tabs = await openMany(4);
      const [holder, ...others] = tabs as [Tab, ...Tab[]];
      site.mode = "hangs";
      for (const tab of tabs) await make(tab, "local", { requestTimeout: 2000 });
      await holder.run("void tab.get()");
      await until(() => site.requests.length === 1);
      site.mode = "works";
      return { holder, others };
    };
    const goOn = async (others: Tab[], calls: Promise<string[]>, bound: number) => {
      const start = Date.now();
      const tokens = await calls;
      expect(Date.now() - start).toBeLessThan(bound);
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).toMatch(/^eyJ/);
      expect(others).toHaveLength(3);
      expect(site.requests.length).toBe(2);
    };

    scenario("the tab that holds the lock is closed: the others go on", async () => {
      const { holder, others } = await lockHeld();
      const calls = Promise.all(others.map((tab) => get(tab)));
      await sleep(200);
      opened.shift();
      await holder.close();
      await goOn(others, calls, 4000);
    });

    scenario("the lock is stolen, and foreign messages are broadcast: nobody minds", async () => {
      const [one, two] = (await openMany(2)) as [Tab, Tab];
      for (const tab of [one, two]) await make(tab, "local");
      site.delay = 1000;
      await one.run("void (window.call = tab.get())");
      await until(() => site.requests.length === 1);
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
      expect(site.requests.length).toBe(1);
    });

    scenario(
      "the tab that holds the lock crashes: the others go on",
      async () => {
        const { holder, others } = await lockHeld();
        const calls = Promise.all(others.map((tab) => get(tab)));
        await sleep(200);
        opened.shift();
        await holder.crash!();
        await goOn(others, calls, 8000);
      },
      "crash",
    );

    scenario(
      "the tab that holds the lock is frozen: the others go on within requestTimeout + 3 s",
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
        const [one, two] = (await openMany(2)) as [Tab, Tab];
        for (let round = 0; round < 200; round++) {
          const options = JSON.stringify({ storageKey: `round${round}` });
          site.mode = "works";
          site.delay = 0;
          await Promise.all(
            [one, two].map((tab) => tab.run(`(tab.make("${stores[round % 3]}", ${options}), tab.get())`)),
          );
          site.delay = Math.floor(Math.random() * 20);
          await two.run("void (window.late = tab.get({ forceRefresh: true }))");
          if (Math.random() < 0.7) await sleep(Math.random() * 25);
          await one.run("tab.tokens.clear()");
          site.mode = "refuses";
          const state = "tab.get().then((token) => ({ token, status: tab.tokens.getSnapshot().status }))";
          const after = await Promise.all([
            one.run<State>(state),
            two.run<State>(`window.late.then(() => tab.heard("cleared")).then(() => ${state})`),
          ]);
          for (const { token, status } of after) {
            expect(token).toMatch(/^! ERR_(UNAUTHENTICATED|CLEARED)/);
            expect(status).toBe("empty");
          }
          // What was stored at the very moment is erased as soon as the sign-out is heard.
          await until(async () => !(await one.run<string>("tab.stored()")).includes("eyJ"), 2000);
        }
      },
    );

    scenario(
      "sign-in as another user in one tab: the others hear it, and hand out nothing of the old user",
      async () => {
        for (const storage of stores) {
          const [ada, other, grace] = (await openMany(3)) as [Tab, Tab, Tab];
          site.user = "ada";
          for (const tab of [ada, other]) await make(tab, storage, { identity: "ada" });
          await Promise.all([get(ada), get(other)]);
          // In the middle of a refresh.
          site.delay = 300;
          await other.run("void (window.late = tab.get({ forceRefresh: true }))");
          site.user = "grace";
          site.delay = 0;
          await make(grace, storage, { identity: "grace" });
          const token = await get(grace);
          expect(site.tokens.get(token)).toBe("grace");
          for (const tab of [ada, other]) {
            await until(async () => (await types(tab)).includes("cleared"));
            expect(await get(tab)).toBe("! ERR_CLEARED");
          }
          await other.run("window.late");
          await sleep(400);
          // Nothing but grace's token is kept.
          const kept = await grace.run<string>("tab.stored()");
          expect(decodeURIComponent(kept)).toContain(token);
          expect(decodeURIComponent(kept)).not.toContain('"identity":"ada"');
          expect(await get(grace)).toBe(token);
          await grace.run("tab.tokens.clear()");
        }
      },
    );

    for (const storage of stores) {
      scenario(
        `reload and new tab (${storage}): the stored token serves, what is unusable costs one request`,
        async () => {
          const first = await open();
          await make(first, storage, { identity: "ada" });
          const token = await get(first);
          await first.reload();
          await make(first, storage, { identity: "ada" });
          const second = await open();
          await make(second, storage, { identity: "ada" });
          expect([await get(first), await get(second)]).toEqual([token, token]);
          expect(site.requests.length).toBe(1);
          // Of another user.
          await second.run("tab.tokens.dispose()");
          await first.run("tab.tokens.dispose()");
          await make(second, storage, { identity: "grace" });
          site.user = "grace";
          expect(site.tokens.get(await get(second))).toBe("grace");
          expect(site.requests.length).toBe(2);
          await second.run("tab.tokens.dispose()");
          // Expired.
          await expired(first, storage);
          await first.reload();
          await make(first, storage);
          expect(await get(first)).toMatch(/^eyJ/);
          expect(site.requests.length).toBe(1);
          if (storage !== "local") return;
          // Corrupt, and of other versions of this package.
          for (const value of ["", "garbage", "{}", '{"v":0,"token":"eyJ"}', '{"v":99,"token":"x"}']) {
            await first.run(
              `tab.tokens.dispose(), localStorage.setItem("cube.token", ${JSON.stringify(value)})`,
            );
            await first.reload();
            await make(first, storage);
            site.requests.length = 0;
            expect(await get(first)).toMatch(/^eyJ/);
            expect(site.requests.length).toBe(1);
          }
        },
      );
    }

    scenario("sleep and wake (the wall clock has moved 8 h): no dead token, one request", async () => {
      const tab = await open();
      await make(tab, "local");
      const before = await get(tab);
      await tab.run("tab.moveClock(8 * 3600000)");
      const after = await get(tab);
      expect(after).toMatch(/^eyJ/);
      expect(after).not.toBe(before);
      await tab.run("dispatchEvent(new Event('focus'))");
      expect(await get(tab)).toBe(after);
      expect(site.requests.length).toBe(2);
    });

    scenario(
      "a page frozen past its token's end: a live one at once when it is back",
      async () => {
        const tab = await open();
        site.ttl = 3;
        await make(tab, "local");
        const before = await get(tab);
        await tab.freeze!(true);
        await sleep(4000);
        await tab.freeze!(false);
        const after = await get(tab);
        expect(after).toMatch(/^eyJ/);
        expect(after).not.toBe(before);
      },
      "freeze",
    );

    scenario(
      "back/forward cache: a page that comes back after a sign-out elsewhere has no token",
      async () => {
        const [tab, other] = (await openMany(2)) as [Tab, Tab];
        for (const each of [tab, other]) await make(each, "local");
        const token = await get(tab);
        await get(other);
        await tab.run("void (window.kept = true)");
        await tab.goto(`${url}elsewhere`);
        await other.run("tab.tokens.clear()");
        site.mode = "refuses";
        await tab.back();
        await until(() => tab.run<boolean>("Boolean(window.tab)").catch(() => false));
        // Where the engine kept the page it goes on, else it was loaded anew.
        const kept = await tab.run<boolean>("Boolean(window.kept)");
        if (!kept) await make(tab, "local");
        const after = await get(tab);
        expect(after).not.toBe(token);
        expect(after).toMatch(/^! ERR_(UNAUTHENTICATED|CLEARED)/);
        expect(await tab.run<string>("tab.stored()")).not.toContain("eyJ");
      },
    );

    const hiding = "a hidden tab does not refresh on a timer, and checks at once when it is shown";
    scenario(hiding, async () => {
      const tab = await open();
      site.ttl = 3;
      await make(tab, "memory");
      await get(tab);
      const other = await open("elsewhere");
      await other.show();
      if ((await tab.run("document.visibilityState")) !== "hidden") return cannot(hiding);
      const before = site.requests.length;
      await sleep(4000);
      expect(site.requests.length).toBe(before);
      await tab.show();
      // WebKit's driver brings none to the front, but what is left there when the other one goes.
      if ((await tab.run("document.visibilityState")) === "hidden") await other.close();
      if ((await tab.run("document.visibilityState")) === "hidden") return cannot(hiding);
      await until(() => site.requests.length > before);
      expect(await get(tab)).toMatch(/^eyJ/);
    });

    scenario("offline at the very moment of a refresh: it recovers by itself", async () => {
      const tab = await open();
      site.ttl = 4;
      await make(tab, "local");
      await tab.show();
      const before = await get(tab);
      if (browser.offline) await browser.offline(true);
      else site.mode = "cuts";
      await tab.run(`new Promise((resolve) => {
        tab.tokens.subscribe((event) => event.type === "refreshfailed" && resolve());
        setTimeout(() => tab.get(), 2500);
      })`);
      expect(await details(tab)).toContain("ERR_NETWORK");
      expect(await get(tab)).toBe(before);
      await sleep(2500);
      if (browser.offline) await browser.offline(false);
      site.mode = "works";
      // The event that the engine, or the driver, sends.
      await tab.run("void dispatchEvent(new Event('online'))");
      // WebKit's driver opens tabs behind the first one, and what is hidden waits until it is asked.
      const isHidden = (await tab.run("document.visibilityState")) === "hidden";
      const isFresh = async () => (await tab.run("tab.tokens.getSnapshot().status")) === "fresh";
      if (!isHidden) await until(isFresh);
      const after = await get(tab);
      expect(after).toMatch(/^eyJ/);
      expect(after).not.toBe(before);
    });

    scenario("localStorage is full: the token is handed out, and said once", async () => {
      const tab = await open();
      await make(tab, "local");
      // In Firefox a page that is gone lets go of the room that it had reserved a little later.
      await until(async () => {
        await sleep(300);
        const added = await tab.run<number>(`(() => {
          let added = 0;
          for (let size = 1048576; size >= 1; ) {
            try { localStorage.setItem("junk" + localStorage.length, "x".repeat(size)); added += size; } catch { size = size >> 1; }
          }
          return added;
        })()`);
        return added === 0;
      });
      expect(await get(tab)).toMatch(/^eyJ/);
      expect(await get(tab, { forceRefresh: true })).toMatch(/^eyJ/);
      expect((await types(tab)).filter((type) => type === "storagefailed")).toHaveLength(1);
      expect(site.requests.length).toBe(2);
    });

    scenario(
      "IndexedDB over its quota: the token is handed out, and said once",
      async () => {
        // Chromium remembers for half a minute how much room an origin has: of this one nobody has asked.
        const origin = `http://127.0.0.1:${site.port}`;
        const tab = await open("", `${origin}/`);
        await browser.limitQuota!(tab, origin, 1);
        await make(tab, "indexeddb");
        expect(await get(tab)).toMatch(/^eyJ/);
        await until(async () => (await types(tab)).includes("storagefailed"));
        expect(await get(tab)).toMatch(/^eyJ/);
        expect(site.requests.length).toBe(1);
      },
      "limitQuota",
    );

    scenario(
      "storage blocked (a sandboxed frame, SecurityError): every storage goes on in memory",
      async () => {
        await open("sandbox");
        await until(() => site.reports.length, 20_000);
        const { failed, problems } = JSON.parse(site.reports[0]!);
        expect(problems).toEqual([]);
        expect(failed).toHaveLength(4);
        expect(site.requests.length).toBe(4);
      },
    );

    scenario("storage cleared behind the manager's back: it goes on, and stores the next token", async () => {
      const tab = await open();
      await make(tab, "local");
      const token = await get(tab);
      await tab.run("localStorage.clear()");
      expect(await get(tab)).toBe(token);
      const next = await get(tab, { forceRefresh: true });
      expect(next).not.toBe(token);
      expect(await tab.run<string>("tab.stored()")).toContain(next);
    });

    scenario(
      "IndexedDB connection closed by the browser: the next write opens another",
      async () => {
        const tab = await open();
        await make(tab, "indexeddb");
        await get(tab);
        await browser.clearOrigin!(tab, new URL(url).origin);
        const next = await get(tab, { forceRefresh: true });
        expect(next).toMatch(/^eyJ/);
        await until(async () => (await tab.run<string>("tab.stored()")).includes(next));
        expect(await types(tab)).not.toContain("storagefailed");
      },
      "clearOrigin",
    );

    scenario(
      "a private window: every storage works",
      async () => {
        const tab = await browser.openPrivate!(url);
        for (const storage of stores) {
          await make(tab, storage);
          const token = await get(tab);
          expect(token).toMatch(/^eyJ/);
          await tab.reload();
          await make(tab, storage);
          expect(await get(tab)).toBe(token);
          expect(await types(tab)).not.toContain("storagefailed");
        }
        await tab.close();
      },
      "openPrivate",
    );

    scenario(
      "cookies as the browser keeps them: attributes, 12 KB in pieces, expiry, read on the server",
      async () => {
        const tab = await open();
        await make(tab, "cookie");
        const short = await get(tab);
        const [cookie] = await browser.cookies(tab);
        expect(cookie).toMatchObject({ name: "cube.token", path: "/", secure: false });
        // WebKit's driver and Firefox's write it in small letters.
        expect(cookie!.sameSite?.toLowerCase()).toBe("strict");
        expect(Math.abs(cookie!.expires! - Date.now() / 1000 - 300)).toBeLessThan(10);
        const onServer = () =>
          tab
            .run<{ token?: string }>("fetch('/cookie').then((response) => response.json())")
            .then(({ token }) => token);
        expect(await onServer()).toBe(short);
        site.padding = 8700;
        const long = await get(tab, { forceRefresh: true });
        expect(long.length).toBeGreaterThan(11_500);
        expect((await browser.cookies(tab)).length).toBeGreaterThanOrEqual(4);
        expect(await onServer()).toBe(long);
        site.padding = 0;
        site.ttl = 2;
        const brief = await get(tab, { forceRefresh: true });
        expect(await browser.cookies(tab)).toHaveLength(1);
        expect(await onServer()).toBe(brief);
        await tab.run("void tab.tokens.dispose()");
        await sleep(3500);
        expect(await tab.run("document.cookie")).toBe("");
        expect(await onServer()).toBeUndefined();
      },
    );

    const insecure = "plain http on an intranet name: no Web Locks, no crypto.subtle, and all works";
    scenario(insecure, async () => {
      const resolved = engine.name !== "WebKit" || (await lookup(engine.intranet).catch(() => undefined));
      if (!resolved) return cannot(insecure);
      const origin = `http://${engine.intranet}:${site.port}/`;
      const tabs = [await open("", origin), await open("", origin)] as [Tab, Tab];
      for (const storage of stores) {
        for (const tab of tabs) {
          expect(
            await tab.run("[isSecureContext, Boolean(navigator.locks), Boolean(crypto.subtle)]"),
          ).toEqual([false, false, false]);
          await make(tab, storage);
        }
        const tokens = await askAtOnce(tabs);
        for (const token of tokens) expect(token).toMatch(/^eyJ/);
        // Sign-out reaches the other tab all the same.
        await tabs[0].run("tab.tokens.clear()");
        await until(async () => (await types(tabs[1])).includes("cleared"));
        expect(await tabs[1].run<string>("tab.stored()")).not.toContain("eyJ");
      }
    });

    scenario("a worker, a shared worker and a service worker share IndexedDB with the page", async () => {
      const tab = await open();
      await make(tab, "indexeddb");
      const token = await get(tab);
      await until(async () => (await tab.run<string>("tab.stored()")).includes(token));
      const answers = await tab.run<Record<string, { token: string; window: string }>>(`(async () => {
        const next = (target) => new Promise((resolve, reject) => {
          target.onmessage = ({ data }) => resolve(data);
          setTimeout(() => reject(new Error("no answer")), 10000);
        });
        const answers = {};
        const worker = new Worker("/worker.js");
        worker.postMessage("token");
        answers.worker = await next(worker);
        worker.terminate();
        const shared = new SharedWorker("/worker.js");
        const answer = next(shared.port);
        shared.port.postMessage("token");
        answers.shared = await answer;
        shared.port.postMessage("close");
        const registration = await navigator.serviceWorker.register("/worker.js");
        const active = await new Promise((resolve) => {
          const installing = registration.installing ?? registration.waiting ?? registration.active;
          if (installing.state === "activated") resolve(installing);
          installing.onstatechange = () => installing.state === "activated" && resolve(installing);
        });
        const reply = next(navigator.serviceWorker);
        navigator.serviceWorker.startMessages();
        active.postMessage("token");
        answers.service = await reply;
        await registration.unregister();
        return answers;
      })()`);
      for (const kind of ["worker", "shared", "service"]) {
        expect({ kind, ...answers[kind] }).toEqual({ kind, token, status: "fresh", window: "undefined" });
      }
      expect(site.requests.length).toBe(1);
    });

    scenario("a strict Content-Security-Policy and Trusted Types: both script-tag files work", async () => {
      for (const path of ["strict", "strict-full"]) {
        site.reports.length = 0;
        await open(path);
        await until(() => site.reports.length, 20_000);
        expect(JSON.parse(site.reports[0]!)).toEqual({
          problems: [],
          failed: [],
          full: path === "strict-full",
        });
      }
    });

    scenario("1,000 create/dispose cycles leave nothing behind", async () => {
      const tab = await open();
      const left = await tab.run<Record<string, number>>(`(async () => {
        const count = { listeners: 0, channels: 0, timers: 0 };
        const { addEventListener, removeEventListener } = EventTarget.prototype;
        EventTarget.prototype.addEventListener = function (...args) {
          if (this === window || this === document) count.listeners++;
          return addEventListener.apply(this ?? window, args);
        };
        EventTarget.prototype.removeEventListener = function (...args) {
          if (this === window || this === document) count.listeners--;
          return removeEventListener.apply(this ?? window, args);
        };
        const { close } = BroadcastChannel.prototype;
        BroadcastChannel.prototype.close = function () { count.channels--; return close.call(this); };
        const Channel = BroadcastChannel;
        window.BroadcastChannel = class extends Channel { constructor(name) { super(name); count.channels++; } };
        const { setTimeout, clearTimeout } = window;
        const timers = new Set();
        window.setTimeout = (run, delay, ...args) => {
          const id = setTimeout(() => { timers.delete(id); run(...args); }, delay);
          timers.add(id);
          return id;
        };
        window.clearTimeout = (id) => { timers.delete(id); clearTimeout(id); };
        const { CubeTokenManager, webStorage } = cubeTokenManager;
        const cycle = async (n) => {
          const tokens = new CubeTokenManager({ endpoint: "/token", storage: webStorage(), storageKey: "cycle" + (n % 3) });
          tokens.subscribe(() => {});
          const call = tokens.getToken();
          // Half of them in the middle of their work.
          if (n % 2) await call;
          tokens.dispose();
          await call.catch(() => {});
        };
        for (let n = 0; n < 1000; n++) await cycle(n);
        for (let wait = 0; wait < 40 && timers.size; wait++) await new Promise((go) => setTimeout(go, 50));
        let locks = 1;
        for (let wait = 0; wait < 40 && locks; wait++) {
          const { held, pending } = await navigator.locks.query();
          locks = held.length + pending.length;
          if (locks) await new Promise((go) => setTimeout(go, 50));
        }
        return { ...count, timers: timers.size, locks };
      })()`);
      expect(left).toEqual({ listeners: 0, channels: 0, timers: 0, locks: 0 });
      // Where the engine lets us look into the heap.
      if (tab.countObjects)
        expect(await tab.countObjects("cubeTokenManager.CubeTokenManager.prototype")).toBe(0);
    });
  });
}
