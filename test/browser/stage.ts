import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { sleep } from "../support/cube.js";
import type { Browser, Engine, Tab } from "./engines/engine.js";
import { isInstalled } from "./engines/installed.mjs";
import { type Site, startSite } from "./site.js";

type Row = "passed" | "failed" | "cannot be expressed";

export const stores = ["local", "indexeddb", "cookie"];

/** The stage of scenarios: one engine and one site, which works and has nothing stored when a scenario starts. */
export class Stage {
  readonly engine: Engine;
  site!: Site;
  browser!: Browser;
  url!: string;
  readonly rows: Record<string, Row> = {};
  readonly #opened: Tab[] = [];
  /** Expensive to open: scenarios with twenty tabs reuse those of the previous one. */
  readonly #twenty: Tab[] = [];
  /** Only for cleaning up, as the others may be crashed or frozen. */
  #cleaner!: Tab;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  async begin(): Promise<void> {
    this.site = await startSite();
    this.url = `http://localhost:${this.site.port}/`;
    await this.#launch();
  }

  async end(): Promise<void> {
    await this.browser?.close();
    this.site?.stop();
  }

  async #launch(): Promise<void> {
    this.browser = await this.engine.launch();
    this.#cleaner = await this.browser.open(`${this.url}elsewhere`);
  }

  /** Cleans up after each scenario. */
  async tidy(failed: boolean): Promise<void> {
    // A hanging request would block the next page.
    this.site.reset();
    // A tab that the driver has lost keeps running, and the retry would find its token.
    const left = failed ? undefined : await this.#clean().catch(() => undefined);
    if (left !== "") {
      this.#opened.length = this.#twenty.length = 0;
      await this.browser.close();
      await this.#launch();
    }
    // A tab may have sent a request before it was closed.
    this.site.reset();
    expect(left ?? "").toBe("");
  }

  /** Erases what the previous scenario stored; resolves to what is left of it. */
  async #clean(): Promise<string> {
    await this.browser.offline?.(false);
    await Promise.all(this.#opened.splice(0).map((each) => each.close().catch(() => {})));
    // Reloaded, they have no manager or state.
    await Promise.all(this.#twenty.map((each) => each.reload()));
    await this.#cleaner.goto(this.url);
    await this.#cleaner.run("tab.wipe()");
    const left = await this.#cleaner.run<string>("tab.stored()");
    // In Firefox, a page that has read the storage keeps a view of it for some seconds.
    await this.#cleaner.goto(`${this.url}elsewhere`);
    return left;
  }

  /** One row of the table. */
  readonly scenario = (
    name: string,
    run: (context: TestContext) => Promise<void>,
    needs?: keyof Browser | keyof Tab,
  ): void => {
    // Retried once: on a busy machine, a driver sometimes loses a tab. Real faults fail twice.
    it(name, { timeout: 120_000, retry: 1 }, async (context) => {
      this.rows[name] = "failed";
      const [probe] = needs && !(needs in this.browser) ? [await this.open()] : [];
      if (needs && !(needs in this.browser) && !(needs in probe!)) return this.cannot(name);
      await run(context);
      if (this.rows[name] === "failed") this.rows[name] = "passed";
    });
  };

  /** Marks a scenario that this engine and driver cannot express. */
  readonly cannot = (name: string): void => {
    this.rows[name] = "cannot be expressed";
  };

  readonly open = async (path = "", origin = this.url): Promise<Tab> => {
    const tab = await this.browser.open(origin + path);
    this.#opened.push(tab);
    return tab;
  };

  readonly openMany = async (count: number): Promise<Tab[]> => {
    const tabs: Tab[] = [];
    for (let n = 0; n < count; n++) tabs.push(await this.open());
    return tabs;
  };

  readonly twentyTabs = async (): Promise<Tab[]> => {
    while (this.#twenty.length < 20) this.#twenty.push(await this.browser.open(this.url));
    return this.#twenty;
  };

  /** Excludes a tab from being closed. */
  readonly forget = (tab: Tab): void => {
    this.#opened.splice(this.#opened.indexOf(tab), 1);
  };

  readonly make = (tab: Tab, storage: string, options: object = {}) =>
    tab.run(`void tab.make(${JSON.stringify(storage)}, ${JSON.stringify(options)})`);

  readonly get = (tab: Tab, options: object = {}) => tab.run<string>(`tab.get(${JSON.stringify(options)})`);

  readonly types = (tab: Tab) => tab.run<string[]>("tab.types()");

  readonly details = (tab: Tab) =>
    tab
      .run<{ type: string; detail?: string }[]>("tab.events")
      .then((events) => events.map(({ detail }) => detail));

  /** All tabs ask at the same time, however slow the driver is. */
  readonly askAtOnce = async (tabs: Tab[], options: object = {}): Promise<string[]> => {
    await Promise.all(tabs.map((tab) => tab.run(`tab.arm(${JSON.stringify(options)})`)));
    await tabs[0]!.run("tab.fire()");
    return Promise.all(tabs.map((tab) => tab.run<string>("tab.answer")));
  };

  /** Stores a token that has just expired. */
  readonly expired = async (tab: Tab, storage: string): Promise<void> => {
    this.site.ttl = 2;
    await this.make(tab, storage, { autoRefresh: false });
    expect(await this.get(tab)).toMatch(/^eyJ/);
    await sleep(3500);
    this.site.ttl = 300;
    this.site.requests.length = 0;
  };
}

/** Scenarios of one kind, in one engine. */
export function describeOn(engine: Engine, kind: string, define: (stage: Stage) => void): void {
  describe.skipIf(!isInstalled(engine.name))(`${engine.name}, ${kind}`, () => {
    const stage = new Stage(engine);
    beforeAll(() => stage.begin());
    afterEach(({ task: { name, result } }) => {
      const failed = result?.state === "fail";
      // Vitest does not report a failed attempt if the retry passes.
      if (failed) console.log(`${engine.name}: "${name}" failed: ${result.errors?.at(-1)?.message}`);
      return stage.tidy(failed);
    });
    afterAll(async () => {
      await stage.end();
      const folder = `coverage/scenarios/${engine.name}`;
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/${kind}.json`, JSON.stringify(stage.rows));
    });
    define(stage);
  });
}
