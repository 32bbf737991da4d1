import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sleep } from "../../support/cube.js";
import type { Browser, Engine, Tab } from "../engines/engine.js";
import { isInstalled } from "../engines/installed.mjs";
import { type FramesSite, startFramesSite } from "../frames-site.js";

const SANDBOX = "allow-scripts allow-same-origin";

/** Scenarios of a page and its frames, each on a site of its own. */
export function describeFrames(engine: Engine): void {
  describe.skipIf(!isInstalled(engine.name))(`${engine.name}, frames`, () => {
    let site: FramesSite;
    let browser: Browser;
    let host: string;
    let honest: string;
    let stranger: string;
    const tabs: Tab[] = [];
    const rows: Record<string, string> = {};

    beforeAll(async () => {
      site = await startFramesSite();
      host = `http://localhost:${site.port}`;
      honest = `http://127.0.0.1:${site.port}`;
      stranger = `http://${engine.intranet}:${site.port}`;
      browser = await engine.launch();
    });
    afterEach(async () => {
      await Promise.all(tabs.splice(0).map((tab) => tab.close().catch(() => {})));
      site.reset();
    });
    afterAll(async () => {
      await browser?.close();
      site?.stop();
      const folder = `coverage/scenarios/${engine.name}`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/frames.json`, JSON.stringify(rows));
    });

    const scenario = (name: string, run: () => Promise<unknown>) =>
      it(name, { timeout: 120_000, retry: 1 }, async () => {
        rows[name] = "failed";
        rows[name] = (await run()) === false ? "cannot be expressed" : "passed";
      });

    const text = JSON.stringify;
    const open = async (url: string) => {
      const tab = await browser.open(url);
      tabs.push(tab);
      return tab;
    };
    /** A page that serves frames of the honest origin. */
    const openHost = async (origins = [honest]) => {
      const tab = await open(`${host}/host`);
      await tab.run(`page.host(${text(origins)})`);
      return tab;
    };
    const add = (tab: Tab, url: string, options: object = { sandbox: SANDBOX }) =>
      tab.run<number>(`page.add(${text(`${url}/frame`)}, ${text(options)})`);
    const within = <T>(tab: Tab, frame: number, expression: string) =>
      tab.run<T>(`page.in(${frame}, ${text(expression)})`);
    const embed = `page.embed(${text("HOST")}) ?? page.get()`;
    const join = (tab: Tab, frame: number) => within<string>(tab, frame, embed.replace("HOST", host));

    scenario(
      "a chart in a sandboxed frame of another site works over ten lifetimes; the host's sign-out ends it",
      async () => {
        site.ttl = 2;
        const tab = await openHost();
        const frame = await add(tab, honest);
        expect(await join(tab, frame)).toMatch(/^eyJ/);
        expect(await within(tab, frame, "page.poll(21000, 150)")).toEqual([]);
        // As many as the host's own timer requests with tokens of one to two seconds, and no storm.
        expect(site.requests).toBeGreaterThanOrEqual(10);
        expect(site.requests).toBeLessThanOrEqual(42);
        site.ttl = 300;
        await tab.run("page.tokens.clear()");
        await sleep(500);
        expect(await within(tab, frame, "page.events.at(-1)")).toBe("cleared");
        expect(await within(tab, frame, "page.tokens.getSnapshot().status")).toBe("empty");
        const before = site.requests;
        const failures = await within<unknown[]>(tab, frame, "page.poll(1500, 100)");
        expect(failures.length).toBeGreaterThan(3);
        expect(new Set(failures)).toEqual(new Set(["ERR_UNAUTHENTICATED"]));
        // The endpoint would answer, but a frame does not sign in again.
        expect(site.requests).toBe(before);
        // The next user.
        const token = await tab.run<string>("page.get()");
        expect(await within(tab, frame, "page.get({ forceRefresh: true })")).toBe(token);
        expect(await within(tab, frame, "page.poll(500, 100)")).toEqual([]);
      },
    );

    scenario("twenty frames make one request, and a refused token is replaced for all", async () => {
      const tab = await openHost();
      for (let n = 0; n < 20; n++) await add(tab, honest, n % 2 ? { shadow: true } : { sandbox: SANDBOX });
      const tokens = await tab.run<string[]>(`page.inAll(${text(embed.replace("HOST", host))})`);
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).toMatch(/^eyJ/);
      expect(site.requests).toBe(1);
      const next = await tab.run<string[]>(
        `page.inAll("page.tokens.invalidate(${text(tokens[0]).replaceAll('"', "'")}) ?? page.get()")`,
      );
      expect(new Set(next).size).toBe(1);
      expect(next[0]).not.toBe(tokens[0]);
      expect(site.requests).toBe(2);
    });

    scenario("a host that starts late, stops, and starts again", async () => {
      const tab = await open(`${host}/host`);
      const frame = await add(tab, honest);
      await within(tab, frame, `page.embed(${text(host)}) ?? void (page.first = page.get())`);
      await sleep(700);
      await tab.run(`page.host([${text(honest)}])`);
      expect(await within(tab, frame, "page.first")).toMatch(/^eyJ/);
      await tab.run("page.stop()");
      await within(
        tab,
        frame,
        `page.embed(${text(host)}, { timeout: 500 }) ?? void (page.second = page.get())`,
      );
      await sleep(100);
      await tab.run(`page.host([${text(honest)}])`);
      expect(await within(tab, frame, "page.second")).toMatch(/^eyJ/);
    });

    scenario("storage of the frame's site is partitioned or blocked; it still gets its token", async () => {
      const own = await open(`${honest}/frame`);
      await own.run(`localStorage.setItem("mine", "1"), document.cookie = "mine=1; SameSite=Lax; Path=/"`);
      const tab = await openHost();
      const frame = await add(tab, honest);
      const seen = await within(
        tab,
        frame,
        `(() => { try { return localStorage.getItem("mine") + "," + document.cookie } catch (error) { return error.name } })()`,
      );
      expect(seen).toMatch(/^null,$|^SecurityError$/);
      expect(await join(tab, frame)).toMatch(/^eyJ/);
      expect(await within(tab, frame, "page.poll(300, 50)")).toEqual([]);
    });

    describe("get nothing:", () => {
      /** Checks that nothing was handed out, requested or posted. */
      const nothing = async (tab: Tab) => {
        await sleep(500);
        expect(await tab.run("[page.asked, page.invalidated]")).toEqual([0, 0]);
        expect(site.requests).toBe(0);
      };
      const attack = (target: string) => `page.record() ?? page.attack(${target}, ${text(honest)})`;

      for (const [name, options] of [
        ["a stranger's frame", {}],
        ["a stranger's sandboxed frame", { sandbox: SANDBOX }],
        ["a frame without an origin", { sandbox: "allow-scripts" }],
      ] as const) {
        scenario(name, async () => {
          const tab = await openHost();
          const url = name.startsWith("a stranger") ? stranger : honest;
          const frame = await add(tab, url, options);
          await within(tab, frame, attack("parent"));
          await nothing(tab);
          expect(await within(tab, frame, "page.received")).toEqual([]);
          const code = await within(
            tab,
            frame,
            `page.embed(${text(host)}, { timeout: 400 }) ?? page.tokens.getToken().catch((error) => error.code)`,
          );
          expect(code).toBe(
            "sandbox" in options && options.sandbox === "allow-scripts"
              ? "ERR_UNAUTHENTICATED"
              : "ERR_TIMEOUT",
          );
          await nothing(tab);
        });
      }

      scenario("a sibling, which asks the host and the honest frame", async () => {
        const tab = await openHost();
        const bad = await add(tab, stranger);
        await add(tab, honest);
        await within(tab, bad, attack("parent"));
        await within(tab, bad, `page.attack(parent.frames[1], ${text(honest)})`);
        await nothing(tab);
        expect(await within(tab, bad, "page.received")).toEqual([]);
      });

      scenario("a frame of a frame, even of the honest origin", async () => {
        const tab = await openHost();
        const bad = await add(tab, stranger);
        await within(tab, bad, `page.add(${text(`${honest}/frame`)})`);
        await within(tab, bad, `page.in(0, ${text(attack("top"))})`);
        await nothing(tab);
        expect(await within(tab, bad, 'page.in(0, "page.received")')).toEqual([]);
      });

      scenario("a popup, even of the honest origin", async () => {
        const tab = await openHost();
        const opened = await tab.run(
          `new Promise((resolve) => { page.popup = open(${text(`${honest}/popup`)}); setTimeout(() => resolve(!!page.popup), 1500); })`,
        );
        if (!opened) return false;
        await tab.run(`page.drive(page.popup, ${text(attack("opener"))})`);
        await nothing(tab);
        expect(await tab.run('page.drive(page.popup, "page.received")')).toEqual([]);
        await tab.run("page.popup.close()");
        return true;
      });

      scenario("an opener, even of the honest origin", async () => {
        const tab = await open(`${honest}/opener`);
        const opened = await tab.run(
          `new Promise((resolve) => { page.popup = open(${text(`${host}/host`)}); setTimeout(() => resolve(!!page.popup), 1500); })`,
        );
        if (!opened) return false;
        await tab.run(`page.drive(page.popup, ${text(`page.host([${text(honest)}])`)})`);
        // The messages that drive the popup are recorded too, if posted: over a port.
        await tab.run(attack("page.popup"));
        await sleep(500);
        expect(await tab.run('page.drive(page.popup, "[page.asked, page.invalidated]")')).toEqual([0, 0]);
        expect(await tab.run("page.received")).toEqual([]);
        await tab.run("page.popup.close()");
        return true;
      });

      scenario(
        "a forged origin: answers to an event forged in the host's page go to that origin alone",
        async () => {
          const tab = await openHost();
          const bad = await add(tab, stranger);
          await within(tab, bad, "page.record()");
          const event = `{ data: { cubeToken: "ask", id: 1 }, origin: ${text(honest)}, source: page.frames[${bad}].contentWindow }`;
          const said = await tab.run(
            `(() => { try { return dispatchEvent(new MessageEvent("message", ${event})); } catch { return false; } })()`,
          );
          // Firefox accepts no window of another origin there.
          if (!said) return false;
          await sleep(500);
          expect(await within(tab, bad, "page.received")).toEqual([]);
          return true;
        },
      );

      scenario("the page that an honest frame has navigated to", async () => {
        site.delay = 1500;
        const tab = await openHost();
        const frame = await add(tab, honest);
        await within(
          tab,
          frame,
          `parent.postMessage({ cubeToken: "ask", id: 1 }, ${text(host)}) ?? void setTimeout(() => { location.href = ${text(`${stranger}/frame`)}; }, 100)`,
        );
        await sleep(1000);
        await within(tab, frame, "page.record()");
        await sleep(1500);
        expect(await within(tab, frame, "location.origin")).toBe(stranger);
        expect(site.requests).toBe(1);
        expect(await within(tab, frame, "page.received")).toEqual([]);
        await tab.run("page.tokens.clear()");
        await sleep(300);
        expect(await within(tab, frame, "page.received")).toEqual([]);
      });

      scenario("a stolen port, and a replayed message of an honest frame", async () => {
        const tab = await openHost();
        const frame = await add(tab, honest);
        const bad = await add(tab, stranger);
        await within(tab, bad, "page.record()");
        // A script in the honest frame gets that frame's token, and gives away its port.
        const got = await within<string>(
          tab,
          frame,
          `new Promise((resolve) => {
            addEventListener("message", ({ data, ports: [port] }) => {
              if (data.cubeToken !== "port") return;
              port.onmessage = ({ data: { token } }) => {
                parent.frames[${bad}].postMessage("stolen", "*", [port]);
                resolve(token);
              };
            });
            parent.postMessage({ cubeToken: "ask", id: 1 }, ${text(host)});
          })`,
        );
        expect(got).toMatch(/^eyJ/);
        await sleep(300);
        const asked = await tab.run("page.asked");
        await within(
          tab,
          bad,
          `page.attack(parent, ${text(honest)}) ?? void parent.postMessage({ cubeToken: "ask", id: 1, rejectedToken: ${text(got)} }, "*")`,
        );
        await sleep(500);
        expect(await within(tab, bad, "page.received")).toEqual(['"stolen"']);
        expect(await tab.run("[page.asked, page.invalidated]")).toEqual([asked, 0]);
        expect(site.requests).toBe(1);
      });

      scenario("a flood of 10,000 messages, which costs nothing", async () => {
        const tab = await openHost();
        await tab.run(
          "void (page.channels = 0, window.MessageChannel = class extends MessageChannel { constructor() { super(); page.channels++; } })",
        );
        const bad = await add(tab, stranger);
        const good = await add(tab, honest);
        const before = await tab.run<number>("page.channels");
        await within(tab, bad, "page.record() ?? page.flood(parent, 10000)");
        await nothing(tab);
        expect(await within(tab, bad, "page.received")).toEqual([]);
        // The driver's own messages, for its requests in a frame.
        expect((await tab.run<number>("page.channels")) - before).toBeLessThanOrEqual(3);
        await within(tab, bad, "page.flood(parent, 10000)");
        expect(await join(tab, good)).toMatch(/^eyJ/);
        expect(site.requests).toBe(1);
      });
    });
  });
}
