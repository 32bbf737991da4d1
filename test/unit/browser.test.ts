import { describe, expect, it, vi } from "vitest";
import { cookieStorage, customStorage, type TokenEvent, webStorage } from "../../src/index.js";
import { hasTabs, isPage } from "../../src/storage/browser.js";
import { create } from "../support/setup.js";
import { SimulatedChannel, simulateTabs, USER_AGENT } from "../support/tabs.js";
import { World } from "../support/world.js";

const NAMES = ["navigator", "process", "Deno", "Bun", "BroadcastChannel", "document", "location"] as const;

/** The globals that a runtime has; all others are absent. */
type Runtime = Partial<Record<(typeof NAMES)[number], unknown>>;

class BrowsersChannel {}
class NodesChannel {
  unref() {}
}
const agent = (userAgent: string) => ({ userAgent });
const node = { versions: { node: "26.1.0" } };
const location = new URL("https://app.example/");
const document = {};
const browser: Runtime = { navigator: agent(USER_AGENT), BroadcastChannel: BrowsersChannel, location };
const onNode: Runtime = { process: node, BroadcastChannel: NodesChannel };
const jsdom = agent("Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/27.0.0");
const dom = { document, location };

const runtimes: [name: string, runtime: Runtime, isPage: boolean, hasTabs: boolean][] = [
  ["a page", { ...browser, document }, true, true],
  [
    "a page of Firefox",
    { ...browser, document, navigator: agent("Mozilla/5.0 (X11) Gecko/20100101 Firefox/145.0") },
    true,
    true,
  ],
  ["a page of file://", { ...browser, document, location: { origin: "null" } }, true, true],
  ["a page whose bundler brings a process", { ...browser, document, process: { versions: {} } }, true, true],
  ["a page with an element called Bun", { ...browser, document, Bun: {} }, true, true],
  ["an old web view without a channel", { navigator: agent(USER_AGENT), document, location }, true, true],
  ["Electron with Node in its pages", { ...browser, document, process: node }, true, true],
  ["a worker", { ...browser }, true, true],
  [
    "an extension's service worker",
    { ...browser, location: { origin: "chrome-extension://abc" } },
    true,
    true,
  ],
  ["a worker of a data: URL", { ...browser, location: { origin: "null" } }, false, false],
  ["an audio worklet", {}, false, false],
  ["Electron's main process", onNode, false, false],
  ["Node 18", onNode, false, false],
  ["Node 26", { ...onNode, navigator: agent("Node.js/26") }, false, false],
  ["Node 20 with jsdom's globals", { ...onNode, ...dom, navigator: jsdom }, true, false],
  [
    "Node 26 with a document and its own navigator",
    { ...onNode, ...dom, navigator: agent("Node.js/26") },
    true,
    false,
  ],
  ["Node 18 with a document and no navigator", { ...onNode, ...dom }, true, false],
  ["Node with the user agent of a request", { ...onNode, ...dom, navigator: agent(USER_AGENT) }, true, false],
  ["Jest with jsdom, which hides Node's channel", { process: node, ...dom, navigator: jsdom }, true, false],
  ["a worker's globals on Node", { ...onNode, location, navigator: agent("Node.js/26") }, false, false],
  [
    "Deno",
    { Deno: { version: {} }, navigator: agent("Deno/2.9.0"), BroadcastChannel: BrowsersChannel },
    false,
    false,
  ],
  [
    "Deno with --location and a document",
    { Deno: { version: {} }, navigator: agent(USER_AGENT), BroadcastChannel: BrowsersChannel, ...dom },
    true,
    false,
  ],
  ["a worker of Deno", { Deno: { version: {} }, navigator: agent("Deno/2.9.0"), location }, false, false],
  ["Bun", { ...onNode, Bun: { version: "1.4" }, navigator: agent("Bun/1.4.0") }, false, false],
  ["Bun with a document", { Bun: { version: "1.4" }, navigator: agent(USER_AGENT), ...dom }, true, false],
  ["workerd", { navigator: agent("Cloudflare-Workers"), location }, false, false],
  ["edge-runtime", { navigator: agent("Edge Runtime") }, false, false],
  ["React Native", { navigator: { product: "ReactNative" } }, false, false],
  [
    "React Native with a document",
    { navigator: { product: "ReactNative" }, ...dom, BroadcastChannel: BrowsersChannel },
    true,
    false,
  ],
];

describe("where managers have tabs, and where browser storages exist", () => {
  it.each(runtimes)("%s", (_, runtime, page, tabs) => {
    for (const name of NAMES) vi.stubGlobal(name, runtime[name]);
    const found = [isPage(), hasTabs()];
    vi.unstubAllGlobals();
    expect(found).toEqual([page, tabs]);
  });
});

describe("on a server", () => {
  const own = () => {
    const values = new Map<string, string>();
    return customStorage(
      {
        getItem: (key) => values.get(key) ?? null,
        setItem: (key, value) => void values.set(key, value),
        removeItem: (key) => void values.delete(key),
      },
      { shared: true },
    );
  };

  it.each([
    ["a server", undefined],
    ["a tab", USER_AGENT],
  ])("managers of one process exchange no messages: in %s", async (_, userAgent) => {
    const world = new World({ latency: 100 });
    simulateTabs();
    if (!userAgent) vi.stubGlobal("navigator", { locks: navigator.locks, userAgent: "Node.js/26" });
    const storage = own();
    const calls: Promise<string>[] = [];
    for (let n = 0; n < 20; n++) {
      const tokens = create({ endpoint: "/token", fetch: world.fetch, storage, identity: `user ${n}` });
      calls.push(tokens.getToken().catch((error: { code: string }) => error.code));
      await vi.advanceTimersByTimeAsync(5);
    }
    await vi.advanceTimersByTimeAsync(60_000);
    const codes = (await Promise.all(calls)).filter((outcome) => outcome === "ERR_CLEARED");
    // In a browser, the last user to sign in owns the key; on a server, each manager sends its own request.
    expect(codes.length).toBe(userAgent ? 19 : 0);
    expect(SimulatedChannel.open.size > 0).toBe(!!userAgent);
  });

  it("a sign-out affects one manager alone", async () => {
    const world = new World();
    simulateTabs();
    vi.stubGlobal("navigator", { userAgent: "Node.js/26" });
    const storage = own();
    const [first, second] = [1, 2].map(() => create({ endpoint: "/token", fetch: world.fetch, storage }));
    const token = await second!.getToken();
    await first!.clear();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await second!.getToken()).toBe(token);
  });

  it.each(["localStorage", "sessionStorage"] as const)(
    "the process's own %s is never used, with or without the document of a DOM library",
    async (name) => {
      const values: Record<string, string> = {};
      vi.stubGlobal(name, {
        getItem: (key: string) => values[key] ?? null,
        setItem: (key: string, value: string) => {
          values[key] = value;
        },
        removeItem: (key: string) => delete values[key],
      });
      for (const document of [undefined, {}, { defaultView: {} }]) {
        vi.stubGlobal("document", document);
        const tokens = create({
          fetchToken: async () => "alice",
          storage: webStorage(name === "localStorage" ? "local" : "session"),
        });
        const events: TokenEvent["type"][] = [];
        tokens.subscribe(({ type }) => events.push(type));
        expect(await tokens.getToken()).toBe("alice");
        expect(events).toContain("storagefailed");
        expect(values).toEqual({});
      }
    },
  );

  it("the process's own storage is not even accessed, as Node 25 warns", async () => {
    const touched = vi.fn();
    vi.stubGlobal("localStorage", undefined);
    Object.defineProperty(globalThis, "localStorage", { configurable: true, get: touched });
    vi.stubGlobal("document", undefined);
    const tokens = create({ fetchToken: async () => "opaque", storage: webStorage() });
    expect(await tokens.getToken()).toBe("opaque");
    expect(touched).not.toHaveBeenCalled();
  });

  it("an application's tests may use the storages of jsdom and happy-dom", async () => {
    for (const make of [() => webStorage(), () => webStorage("session"), () => cookieStorage()]) {
      const world = new World();
      const token = await create({ endpoint: "/token", fetch: world.fetch, storage: make() }).getToken();
      expect(await create({ endpoint: "/token", fetch: world.fetch, storage: make() }).getToken()).toBe(
        token,
      );
      localStorage.clear();
    }
  });
});
