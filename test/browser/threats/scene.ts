import { sleep } from "../../support/cube.js";
import type { Browser, Tab } from "../engines/engine.js";
import type { ThreatsSite, World } from "./site.js";
import type { Way } from "./ways.js";

/** The outcome of an attack, determined from what the attacker got and whether Cube accepts it. */
export type Outcome =
  /** A token that Cube accepts from anywhere. */
  | "stolen"
  /** Rows, or the use of the page, but no token. */
  | "open"
  | "safe"
  /** The application uses the attacker's token. */
  | "planted"
  /** Cannot be expressed. */
  | "-";

const text = JSON.stringify;

/** A user with the application open, and an attacker. */
export class Scene {
  readonly browser: Browser;
  readonly site: ThreatsSite;
  readonly way: Way;
  readonly world: World;
  #app: Tab | undefined;
  #attacker: Tab | undefined;

  constructor(browser: Browser, site: ThreatsSite, way: Way, world?: World) {
    this.browser = browser;
    this.site = site;
    this.way = way;
    const secretIn = ({ isolated: "worker", frame: "host" } as const)[way.id] ?? "app";
    this.world = world ?? site.makeWorld(secretIn);
  }

  async close(): Promise<void> {
    await Promise.all([this.#app, this.#attacker].map((tab) => tab?.close().catch(() => {})));
    this.#app = this.#attacker = undefined;
  }

  /** Opens the application, and signs in if possible; resolves to "ready", or to why it has no rows. */
  async open(query = "", way = this.way.id): Promise<string> {
    const address = `/?way=${way}${this.world.signedIn ? "&signin" : ""}${query}`;
    this.#app = await this.browser.open((this.way.embedded ? this.world.host : this.world.app) + address);
    return this.#start(address);
  }

  async #start(address: string): Promise<string> {
    if (this.way.embedded) await this.top(`page.add(${text(this.world.app + address)})`);
    // WebKit throws if a policy forbids a worker, so the application has not even started.
    return this.inside(`window.app?.ready ?? "it did not start"`);
  }

  async reload(): Promise<string> {
    await this.#app!.reload();
    return this.#start(`/?way=${this.way.id}`);
  }

  /** The user leaves for another page, and another person goes back. */
  async leaveAndReturn(): Promise<void> {
    await this.#app!.goto(`${this.world.evil}/blank`);
    await this.#app!.back();
    // Going back takes a moment, and longer if the page is reloaded.
    for (let n = 0; n < 40; n++) {
      await sleep(50);
      const isBack = await this.#app!.run<boolean>(
        `document.readyState === "complete" && !location.hostname.startsWith("evil")`,
      ).catch(() => false);
      if (!isBack) continue;
      if (!this.way.embedded || (await this.top<number>("frames.length"))) return;
      await this.top(`page.add(${text(`${this.world.app}/?way=${this.way.id}`)})`);
      return;
    }
  }

  /** Runs an expression in the tab's page. */
  top<T>(expression: string): Promise<T> {
    return this.#app!.run<T>(expression);
  }

  /** Runs an expression in the application's page, which may be in a frame. */
  inside<T>(expression: string): Promise<T> {
    return this.way.embedded ? this.top<T>(`page.in(0, ${text(expression)})`) : this.top<T>(expression);
  }

  /** Injects the attacker's script into the application's page, and runs an expression there. */
  async inject(expression: string): Promise<void> {
    await this.inside(`new Promise((resolve) => {
      if (window.attacker) return resolve(true);
      const script = document.createElement("script");
      script.onload = () => resolve(true);
      script.src = "/attacker.js";
      document.head.append(script);
    })`);
    await this.inside(
      `(async () => { attacker.reset(); await (${expression}); await attacker.flush(); return true; })()`,
    );
  }

  /** Opens a page with the attacker's script in a tab; resolves when it is done. */
  async visit(origin: string, what: string): Promise<void> {
    const done = this.world.done();
    const url = `${origin}/attacker?do=${encodeURIComponent(what)}`;
    // If opening fails, nothing awaits it.
    done.catch(() => {});
    if (this.#attacker) await this.#attacker.goto(url);
    else this.#attacker = await this.browser.open(url);
    await done;
  }

  /** The same in a frame of the page that the tab shows. */
  async embed(origin: string, what: string): Promise<void> {
    const done = this.world.done();
    done.catch(() => {});
    await this.top(`page.add(${text(`${origin}/attacker?do=${encodeURIComponent(what)}`)})`);
    await done;
  }

  /** The application makes another query. */
  use(): Promise<string> {
    return this.inside<string>(
      "window.app?.load().then(String, (error) => String(error.code ?? error)) ?? ''",
    );
  }

  /** Judges the attacker's findings. */
  async judge(): Promise<Outcome> {
    const all = this.world.loot.join("\n");
    for (const token of new Set(all.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g))) {
      if (await this.#isTaken(token)) return "stolen";
    }
    return /Things\.count\\?"?: ?\\?"?2/.test(all) ? "open" : "safe";
  }

  /** The same, while findings may still arrive. */
  async judgeSoon(): Promise<Outcome> {
    let outcome = await this.judge();
    for (let n = 0; n < 12 && outcome !== "stolen"; n++) {
      await sleep(50);
      outcome = await this.judge();
    }
    return outcome;
  }

  /** Whether Cube accepts it from a program outside the browser. */
  async #isTaken(token: string): Promise<boolean> {
    const query = encodeURIComponent(text({ measures: ["Things.count"] }));
    const answer = await fetch(`${this.site.cube.apiUrl}/load?query=${query}`, {
      headers: { authorization: token },
    });
    if (!answer.ok) return false;
    const { sub } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
    return sub === "ada";
  }
}
