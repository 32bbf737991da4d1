import { lookup } from "node:dns/promises";
import { expect } from "vitest";
import { sleep, until } from "../../support/cube.js";
import type { Engine, Tab } from "../engines/engine.js";
import { describeOn, stores } from "../stage.js";

/** Scenarios of a page's lifecycle and its storage. */
export const describePages = (engine: Engine): void =>
  describeOn(engine, "pages", (stage) => {
    const { scenario, cannot, open, openMany } = stage;
    const { make, get, types, details, askAtOnce, expired } = stage;

    for (const storage of stores) {
      scenario(
        `reload and new tab (${storage}): the stored token is used; an unusable one costs one request`,
        async () => {
          const first = await open();
          await make(first, storage, { identity: "ada" });
          const token = await get(first);
          await first.reload();
          await make(first, storage, { identity: "ada" });
          const second = await open();
          await make(second, storage, { identity: "ada" });
          expect([await get(first), await get(second)]).toEqual([token, token]);
          expect(stage.site.requests.length).toBe(1);
          // Of another user.
          await second.run("tab.tokens.dispose()");
          await first.run("tab.tokens.dispose()");
          await make(second, storage, { identity: "grace" });
          stage.site.user = "grace";
          expect(stage.site.tokens.get(await get(second))).toBe("grace");
          expect(stage.site.requests.length).toBe(2);
          await second.run("tab.tokens.dispose()");
          // Expired.
          await expired(first, storage);
          await first.reload();
          await make(first, storage);
          expect(await get(first)).toMatch(/^eyJ/);
          expect(stage.site.requests.length).toBe(1);
          if (storage !== "local") return;
          // Corrupt, and of other versions of this package.
          for (const value of ["", "garbage", "{}", '{"v":0,"token":"eyJ"}', '{"v":99,"token":"x"}']) {
            await first.run(
              `tab.tokens.dispose(), localStorage.setItem("cube.token", ${JSON.stringify(value)})`,
            );
            await first.reload();
            await make(first, storage);
            stage.site.requests.length = 0;
            expect(await get(first)).toMatch(/^eyJ/);
            expect(stage.site.requests.length).toBe(1);
          }
        },
      );
    }

    scenario("sleep and wake (the wall clock has moved 8 h): no expired token, one request", async () => {
      const tab = await open();
      await make(tab, "local");
      const before = await get(tab);
      await tab.run("tab.moveClock(8 * 3600000)");
      const after = await get(tab);
      expect(after).toMatch(/^eyJ/);
      expect(after).not.toBe(before);
      await tab.run("dispatchEvent(new Event('focus'))");
      expect(await get(tab)).toBe(after);
      expect(stage.site.requests.length).toBe(2);
    });

    scenario(
      "a page frozen past its token's expiry: gets a valid one at once when it resumes",
      async () => {
        const tab = await open();
        stage.site.ttl = 3;
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

    scenario("back/forward cache: a page restored after a sign-out elsewhere has no token", async () => {
      const [tab, other] = (await openMany(2)) as [Tab, Tab];
      for (const each of [tab, other]) await make(each, "local");
      const token = await get(tab);
      await get(other);
      await tab.run("void (window.kept = true)");
      await tab.goto(`${stage.url}elsewhere`);
      await other.run("tab.tokens.clear()");
      stage.site.mode = "refuses";
      await tab.back();
      await until(() => tab.run<boolean>("Boolean(window.tab)").catch(() => false));
      // If the engine kept the page, it continues; otherwise it was reloaded.
      const kept = await tab.run<boolean>("Boolean(window.kept)");
      if (!kept) await make(tab, "local");
      const after = await get(tab);
      expect(after).not.toBe(token);
      expect(after).toMatch(/^! ERR_(UNAUTHENTICATED|CLEARED)/);
      expect(await tab.run<string>("tab.stored()")).not.toContain("eyJ");
    });

    const hiding = "a hidden tab does not refresh on a timer, and checks at once when it is shown";
    scenario(hiding, async () => {
      const tab = await open();
      stage.site.ttl = 3;
      await make(tab, "memory");
      await get(tab);
      const other = await open("elsewhere");
      await other.show();
      if ((await tab.run("document.visibilityState")) !== "hidden") return cannot(hiding);
      const before = stage.site.requests.length;
      await sleep(4000);
      expect(stage.site.requests.length).toBe(before);
      await tab.show();
      // WebKit's driver cannot bring a tab to the front, except by closing the one in front.
      if ((await tab.run("document.visibilityState")) === "hidden") await other.close();
      if ((await tab.run("document.visibilityState")) === "hidden") return cannot(hiding);
      await until(() => stage.site.requests.length > before);
      expect(await get(tab)).toMatch(/^eyJ/);
    });

    scenario("offline at the moment of a refresh: it recovers automatically", async () => {
      const tab = await open();
      stage.site.ttl = 4;
      await make(tab, "local");
      await tab.show();
      const before = await get(tab);
      if (stage.browser.offline) await stage.browser.offline(true);
      else stage.site.mode = "cuts";
      await tab.run(`new Promise((resolve) => {
      tab.tokens.subscribe((event) => event.type === "refreshfailed" && resolve());
      setTimeout(() => tab.get(), 2500);
    })`);
      expect(await details(tab)).toContain("ERR_NETWORK");
      expect(await get(tab)).toBe(before);
      await sleep(2500);
      if (stage.browser.offline) await stage.browser.offline(false);
      stage.site.mode = "works";
      // The event that the engine or the driver sends.
      await tab.run("void dispatchEvent(new Event('online'))");
      // WebKit's driver opens tabs behind the first one, and a hidden tab waits for a call.
      const isHidden = (await tab.run("document.visibilityState")) === "hidden";
      const isFresh = async () => (await tab.run("tab.tokens.getSnapshot().status")) === "fresh";
      if (!isHidden) await until(isFresh);
      const after = await get(tab);
      expect(after).toMatch(/^eyJ/);
      expect(after).not.toBe(before);
    });

    scenario("localStorage is full: the token is returned, and the failure reported once", async () => {
      const tab = await open();
      await make(tab, "local");
      // In Firefox, a closed page releases its reserved space a little later.
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
      expect(stage.site.requests.length).toBe(2);
    });

    scenario(
      "IndexedDB over its quota: the token is returned, and the failure reported once",
      async () => {
        // Chromium caches an origin's quota for half a minute, so this uses an unused origin.
        const origin = `http://127.0.0.1:${stage.site.port}`;
        const tab = await open("", `${origin}/`);
        await stage.browser.limitQuota!(tab, origin, 1);
        await make(tab, "indexeddb");
        expect(await get(tab)).toMatch(/^eyJ/);
        await until(async () => (await types(tab)).includes("storagefailed"));
        expect(await get(tab)).toMatch(/^eyJ/);
        expect(stage.site.requests.length).toBe(1);
      },
      "limitQuota",
    );

    scenario(
      "storage blocked (a sandboxed frame, SecurityError): every storage continues in memory",
      async () => {
        await open("sandbox");
        await until(() => stage.site.reports.length, 20_000);
        const { failed, problems } = JSON.parse(stage.site.reports[0]!);
        expect(problems).toEqual([]);
        expect(failed).toHaveLength(4);
        expect(stage.site.requests.length).toBe(4);
      },
    );

    scenario(
      "storage cleared behind the manager's back: it continues, and stores the next token",
      async () => {
        const tab = await open();
        await make(tab, "local");
        const token = await get(tab);
        await tab.run("localStorage.clear()");
        expect(await get(tab)).toBe(token);
        const next = await get(tab, { forceRefresh: true });
        expect(next).not.toBe(token);
        expect(await tab.run<string>("tab.stored()")).toContain(next);
      },
    );

    scenario(
      "IndexedDB connection closed by the browser: the next write opens another",
      async () => {
        const tab = await open();
        await make(tab, "indexeddb");
        await get(tab);
        await stage.browser.clearOrigin!(tab, new URL(stage.url).origin);
        const next = await get(tab, { forceRefresh: true });
        expect(next).toMatch(/^eyJ/);
        await until(async () => (await tab.run<string>("tab.stored()")).includes(next));
        expect(await types(tab)).not.toContain("storagefailed");
      },
      "clearOrigin",
    );

    scenario("IndexedDB does not block another page that deletes and upgrades the database", async () => {
      const [tab, other] = [await open(), await open()];
      const ask = (how: string) =>
        other.run(`new Promise((resolve) => {
          const request = indexedDB.${how};
          request.onblocked = () => resolve("blocked");
          request.onsuccess = () => { request.result?.close(); resolve("done"); };
          request.onerror = () => resolve("failed");
        })`);
      const remove = () => ask('deleteDatabase("cube-token-manager")');
      await make(tab, "indexeddb");
      const token = await get(tab);
      expect(await remove()).toBe("done");
      // The next token is stored again.
      const next = await get(tab, { forceRefresh: true });
      expect(next).not.toBe(token);
      await until(async () => (await tab.run<string>("tab.stored()")).includes(next));
      await tab.run("tab.tokens.clear()");
      expect(await remove()).toBe("done");
      await get(tab);
      await tab.run("void tab.tokens.dispose()");
      expect(await remove()).toBe("done");
      await make(tab, "indexeddb");
      await get(tab);
      expect(await ask('open("cube-token-manager", 2)')).toBe("done");
      expect(await types(tab)).not.toContain("storagefailed");
      expect(await remove()).toBe("done");
    });

    scenario(
      "a private window: every storage works",
      async () => {
        const tab = await stage.browser.openPrivate!(stage.url);
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
      "cookies as the browser stores them: attributes, 12 KB in pieces, expiry, read on the server",
      async () => {
        const tab = await open();
        await make(tab, "cookie");
        const short = await get(tab);
        const [cookie] = await stage.browser.cookies(tab);
        expect(cookie).toMatchObject({ name: "cube.token", path: "/", secure: false });
        // The drivers of WebKit and Firefox report it in lower case.
        expect(cookie!.sameSite?.toLowerCase()).toBe("strict");
        expect(Math.abs(cookie!.expires! - Date.now() / 1000 - 300)).toBeLessThan(10);
        const onServer = () =>
          tab
            .run<{ token?: string }>("fetch('/cookie').then((response) => response.json())")
            .then(({ token }) => token);
        expect(await onServer()).toBe(short);
        stage.site.padding = 8700;
        const long = await get(tab, { forceRefresh: true });
        expect(long.length).toBeGreaterThan(11_500);
        expect((await stage.browser.cookies(tab)).length).toBeGreaterThanOrEqual(4);
        expect(await onServer()).toBe(long);
        stage.site.padding = 0;
        stage.site.ttl = 2;
        const brief = await get(tab, { forceRefresh: true });
        expect(await stage.browser.cookies(tab)).toHaveLength(1);
        expect(await onServer()).toBe(brief);
        await tab.run("void tab.tokens.dispose()");
        await sleep(3500);
        expect(await tab.run("document.cookie")).toBe("");
        expect(await onServer()).toBeUndefined();
      },
    );

    const insecure = "plain http on an intranet name: everything works without Web Locks and crypto.subtle";
    scenario(insecure, async () => {
      const resolved =
        stage.engine.name !== "WebKit" || (await lookup(stage.engine.intranet).catch(() => undefined));
      if (!resolved) return cannot(insecure);
      const origin = `http://${stage.engine.intranet}:${stage.site.port}/`;
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
        // A sign-out still reaches the other tab.
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
      expect(stage.site.requests.length).toBe(1);
    });

    scenario("a strict Content-Security-Policy and Trusted Types: both script-tag files work", async () => {
      for (const path of ["strict", "strict-full"]) {
        stage.site.reports.length = 0;
        await open(path);
        await until(() => stage.site.reports.length, 20_000);
        expect(JSON.parse(stage.site.reports[0]!)).toEqual({
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
        // Half of them in the middle of a request.
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
      // If the engine allows counting objects on the heap.
      if (tab.countObjects)
        expect(await tab.countObjects("cubeTokenManager.CubeTokenManager.prototype")).toBe(0);
    });
  });
