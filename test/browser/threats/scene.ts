import { sleep } from "../../support/cube.js";
import type { Browser, Tab } from "../engines/engine.js";
import type { ThreatsSite, World } from "./site.js";
import type { Way } from "./ways.js";

/** What an attack has brought: the outcome is read off what the attacker got, and off what Cube says of it. */
export type Outcome =
  /** A token that Cube takes from anybody, anywhere. */
  | "stolen"
  /** Rows, or the use of the page, and no token. */
  | "open"
  | "safe"
  /** The application works with a token of the attacker's. */
  | "planted"
  /** It cannot be expressed. */
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

  /** Opens the application, and signs in where that is possible; resolves to "ready", or to why it has no rows. */
  async open(query = "", way = this.way.id): Promise<string> {
    const address = `/?way=${way}${this.world.signedIn ? "&signin" : ""}${query}`;
    this.#app = await this.browser.open((this.way.embedded ? this.world.host : this.world.app) + address);
    return this.#start(address);
  }

  async #start(address: string): Promise<string> {
    if (this.way.embedded) await this.top(`page.add(${text(this.world.app + address)})`);
    // WebKit throws where a policy forbids a worker, and the application has not even begun.
    return this.inside(`window.app?.ready ?? "it did not start"`);
  }

  async reload(): Promise<string> {
    await this.#app!.reload();
    return this.#start(`/?way=${this.way.id}`);
  }

  /** The user goes to another page; somebody goes back. */
  async leaveAndReturn(): Promise<void> {
    await this.#app!.goto(`${this.world.evil}/blank`);
    await this.#app!.back();
    // It takes a moment, and a page that is loaded anew takes another.
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

  /** In the page that the tab shows. */
  top<T>(expression: string): Promise<T> {
    return this.#app!.run<T>(expression);
  }

  /** In the application's page, which may be in a frame of that. */
  inside<T>(expression: string): Promise<T> {
    return this.way.embedded ? this.top<T>(`page.in(0, ${text(expression)})`) : this.top<T>(expression);
  }

  /** The attacker's script gets into the application's page, and does something. */
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

  /** A page of the attacker's, in a tab; resolves when it has done what it came for. */
  async visit(origin: string, what: string): Promise<void> {
    const done = this.world.done();
    const url = `${origin}/attacker?do=${encodeURIComponent(what)}`;
    // Where opening fails, nobody waits for it any more.
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

  /** The application goes on as if nothing were. */
  use(): Promise<string> {
    return this.inside<string>(
      "window.app?.load().then(String, (error) => String(error.code ?? error)) ?? ''",
    );
  }

  /** Reads off what the attacker has. */
  async judge(): Promise<Outcome> {
    const all = this.world.loot.join("\n");
    for (const token of new Set(all.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g))) {
      if (await this.#isTaken(token)) return "stolen";
    }
    return /Things\.count\\?"?: ?\\?"?2/.test(all) ? "open" : "safe";
  }

  /** The same, where what he has may still be on its way. */
  async judgeSoon(): Promise<Outcome> {
    let outcome = await this.judge();
    for (let n = 0; n < 12 && outcome !== "stolen"; n++) {
      await sleep(50);
      outcome = await this.judge();
    }
    return outcome;
  }

  /** Whether Cube gives the user's rows for it to somebody who has no browser at all. */
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
