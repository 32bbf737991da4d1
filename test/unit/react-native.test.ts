// @vitest-environment node
import { AbortController as Polyfill, AbortSignal as PolyfillSignal } from "abort-controller";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type CubeRequest, type CubeStream, customStorage, withTokens } from "../../src/index.js";
import { create } from "../support/setup.js";
import { advance, SECOND, World } from "../support/world.js";

let world: World;

/** The globals of React Native's runtime (Hermes). */
beforeEach(() => {
  world = new World();
  vi.stubGlobal("AbortController", Polyfill);
  vi.stubGlobal("AbortSignal", PolyfillSignal);
  for (const name of ["DOMException", "structuredClone", "document", "location"]) {
    vi.stubGlobal(name, undefined);
  }
  expect("reason" in new AbortController().signal || "throwIfAborted" in new AbortController().signal).toBe(
    false,
  );
});

/** A response as whatwg-fetch makes it: no stream, no `redirected`. */
const plain = (text: string, type: string, url = "https://app.example/token") =>
  ({
    ok: true,
    status: 200,
    type: "default",
    headers: new Headers({ "content-type": type, date: new Date(world.now()).toUTCString() }),
    url,
    bodyUsed: false,
    text: async () => text,
  }) as Response;

const sources = {
  endpoint: () => ({
    endpoint: "https://app.example/token",
    fetch: async (_: unknown, { signal }: RequestInit = {}) => {
      world.requests.push(world.now());
      await new Promise<void>((resolve, reject) => {
        setTimeout(resolve, 100);
        signal?.addEventListener("abort", () =>
          reject(Object.assign(new Error("Aborted"), { name: "AbortError" })),
        );
      });
      return plain(JSON.stringify({ token: world.issue() }), "application/json");
    },
  }),
  fetchToken: () => ({
    fetchToken: async () => {
      world.requests.push(world.now());
      await new Promise((resolve) => setTimeout(resolve, 100));
      return world.issue();
    },
  }),
};

const map = () => {
  const values = new Map<string, string>();
  return {
    getItem: async (key: string) => values.get(key) ?? null,
    setItem: async (key: string, value: string) => void values.set(key, value),
    removeItem: async (key: string) => void values.delete(key),
  };
};

const codeOf = (promise: Promise<unknown>) => promise.catch((error) => error.code);

describe.each(Object.entries(sources))("on React Native, from %s", (_, source) => {
  it.each([
    ["in memory", () => ({})],
    ["with a storage", () => ({ storage: customStorage(map()), storageKey: "k" })],
  ])("tokens arrive and are refreshed in time: %s", async (_, storage) => {
    const manager = create({ ...source(), ...storage() });
    for (let second = 0; second < 1000; second += 10) {
      const token = manager.getToken();
      await advance(10 * SECOND);
      expect(world.accepts(await token)).toBe(true);
    }
    expect(world.requests.length).toBeGreaterThan(3);
    expect(world.requests.length).toBeLessThan(10);
  });

  it("the stored record has the time when the manager was created, even if it is used later", async () => {
    // Not only undefined, as above: it does not exist.
    Reflect.deleteProperty(globalThis, "document");
    await advance(5 * SECOND);
    const made = Date.now();
    const storage = map();
    const manager = create({ ...source(), storage: customStorage(storage), storageKey: "k" });
    await advance(10 * SECOND);
    manager.getToken();
    await advance(SECOND);
    expect(JSON.parse((await storage.getItem("k"))!)).toMatchObject({ madeAt: made });
  });

  it("calls end with the caller's signal, a sign-out and dispose()", async () => {
    const manager = create({ ...source(), storage: customStorage(map()), storageKey: "k" });
    const controller = new AbortController();
    const calls = [codeOf(manager.getToken({ signal: controller.signal })), codeOf(manager.getToken())];
    await advance(50);
    controller.abort();
    await manager.clear();
    const last = codeOf(manager.getToken());
    await advance(50);
    manager.dispose();
    await advance(SECOND);
    expect(await Promise.all([...calls, last])).toEqual(["ERR_ABORTED", "ERR_CLEARED", "ERR_DISPOSED"]);
    expect(await codeOf(create(source()).getToken({ signal: controller.signal }))).toBe("ERR_ABORTED");
  });

  it("requests time out and are retried", async () => {
    const manager = create({ ...source(), requestTimeout: 50, retries: 0 });
    const first = codeOf(manager.getToken());
    await advance(50);
    expect(await first).toBe("ERR_TIMEOUT");
  });
});

describe("on React Native", () => {
  it("a page behind a redirect is a sign-out, although fetch does not report the redirect", async () => {
    const page = plain("<form>", "text/html", "https://app.example/login");
    const manager = create({
      endpoint: "https://app.example/token?x=1",
      retries: 0,
      fetch: async () => page,
    });
    expect(await codeOf(manager.getToken())).toBe("ERR_UNAUTHENTICATED");
  });

  it("an aborted stream rejects with the error name that Cube's client checks", async () => {
    const transport = withTokens(
      {
        request: (): CubeRequest => expect.unreachable(),
        requestStream: (_method: string, _params: object): CubeStream => expect.unreachable(),
      },
      create(sources.fetchToken()),
    );
    const controller = new AbortController();
    const stream = transport.requestStream("cubesql", { signal: controller.signal }).stream();
    controller.abort();
    await expect(stream).rejects.toMatchObject({ name: "AbortError" });
  });

  it("a storage that hangs or throws a non-error fails no call", async () => {
    for (const getItem of [() => new Promise<never>(() => {}), () => Promise.reject("x")]) {
      const manager = create({
        ...sources.endpoint(),
        storage: customStorage({ ...map(), getItem }),
        storageKey: "k",
      });
      const events: unknown[] = [];
      manager.subscribe((event) => events.push(event));
      const token = manager.getToken();
      await advance(3 * SECOND);
      expect(world.accepts(await token)).toBe(true);
      expect(events).toContainEqual(expect.objectContaining({ type: "storagefailed" }));
    }
  });
});
