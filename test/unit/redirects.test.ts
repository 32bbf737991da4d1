import { beforeEach, describe, expect, it, vi } from "vitest";
import type { CubeTokenError } from "../../src/index.js";
import { create } from "../support/setup.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";

/**
 * A browser's fetch with the answers of an endpoint: an unreadable redirect (to another origin without CORS) fails like a
 * network that is down, and with `manual` every redirect is opaque. With real servers: redirects-node.
 */
type Server = "token" | "offline" | "signed out" | "moved" | "broken";

let world: World;
let server: Server;
const modes: (RequestRedirect | undefined)[] = [];

const opaque = () =>
  Object.defineProperties(Response.json(null), {
    type: { value: "opaqueredirect" },
    status: { value: 0 },
    ok: { value: false },
  });

async function browserFetch(_url: unknown, init: RequestInit = {}): Promise<Response> {
  const { redirect = "follow" } = init;
  modes.push(redirect);
  if (server === "offline") throw new TypeError("Failed to fetch");
  if (server === "token") return world.respond({ token: world.issue() });
  if (redirect === "manual") return opaque();
  // The redirect's target has no CORS, or fails.
  if (server === "broken" && redirect === "follow") return new Response(null, { status: 500 });
  if (redirect === "error" || server === "signed out") throw new TypeError("Failed to fetch");
  const response = world.respond({ token: world.issue() });
  return Object.defineProperties(response, {
    redirected: { value: true },
    url: { value: `${location.origin}/token/` },
  });
}

const outcome = (promise: Promise<string>) =>
  promise.then(
    () => "token",
    (error: CubeTokenError) => error.code,
  );

/** A manager after one call, with time enough for all its attempts. */
async function ask(options: object = {}) {
  const manager = create({ endpoint: "/token", fetch: browserFetch, ...options });
  const first = outcome(manager.getToken());
  await advance(20 * SECOND);
  return { manager, first: await first };
}

beforeEach(() => {
  world = new World();
  server = "token";
  modes.length = 0;
});

describe("a session that is over: the endpoint redirects to another origin's sign-in page", () => {
  it("is detected by a request that exposes redirects, and one that follows them", async () => {
    server = "signed out";
    expect((await ask()).first).toBe("ERR_UNAUTHENTICATED");
    expect(modes).toEqual(["follow", "manual", "follow"]);
  });

  it.each([
    ["headers", { headers: { "X-CSRF": "1" } }],
    ["a body", { method: "POST", body: "{}" }],
  ])("is detected if %s must not be forwarded", async (_, request) => {
    server = "signed out";
    expect((await ask({ request })).first).toBe("ERR_UNAUTHENTICATED");
    expect(modes).toEqual(["error", "manual", "error"]);
  });

  it("is detected at once if the application uses redirect: manual, even after a network failure", async () => {
    server = "offline";
    const request = { redirect: "manual" };
    const { manager } = await ask({ request, retries: 0 });
    modes.length = 0;
    server = "signed out";
    expect(await outcome(manager.getToken({ forceRefresh: true }))).toBe("ERR_UNAUTHENTICATED");
    expect(modes).toEqual(["manual"]);
  });

  it.each([
    [200, "token"],
    [201, "token"],
    [300, "ERR_UNAUTHENTICATED"],
    [399, "ERR_UNAUTHENTICATED"],
    [400, "ERR_HTTP_STATUS"],
    [403, "ERR_FORBIDDEN"],
  ])("needs a redirect status besides Location: %i, %s", async (status, expected) => {
    const fetch = async () =>
      world.respond({ token: world.issue() }, { status, headers: { location: "/made/1" } });
    expect((await ask({ fetch })).first).toBe(expected);
  });

  it('is detected at once if the application sets redirect: "manual"', async () => {
    server = "signed out";
    const { manager, first } = await ask({ request: { redirect: "manual" } });
    expect(first).toBe("ERR_UNAUTHENTICATED");
    expect(modes).toEqual(["manual"]);
    expect(manager.getSnapshot().error).toMatchObject({
      status: undefined,
      message: expect.not.stringContaining("answered 0"),
    });
  });

  it.each([0, 1, 3])("stays within the request limits, call by call: %i retries", async (retries) => {
    server = "signed out";
    const { manager } = await ask({ retries, autoRefresh: false });
    let requests = modes.length;
    for (let minute = 0; minute < 10; minute++) {
      const codes = new Set<string>();
      for (let second = minute ? 0 : 20; second < 60; second++) {
        outcome(manager.getToken()).then((code) => codes.add(code));
        await advance(SECOND);
      }
      expect(modes.length - (minute ? requests : 0)).toBeLessThanOrEqual(minute ? 3 : 10);
      requests = modes.length;
      // Once the session is known to be over, no error blames the network.
      if (minute > 1) expect([...codes]).toEqual(["ERR_UNAUTHENTICATED"]);
    }
  });

  // Every order of three answers, with the shortest and the longest pauses.
  const kinds = ["offline", "signed out", "broken"] as const;
  const orders = kinds.flatMap((a) =>
    kinds.flatMap((b) =>
      kinds.flatMap(
        (c) =>
          [
            [a, b, c],
            [a, b, c, a, c],
          ] as Server[][],
      ),
    ),
  );
  it.each([
    ["constantly, with the shortest pauses", 0, () => true],
    ["constantly, with the longest pauses", 0.999, () => true],
    ["now and then", 0, (second: number) => second % 110 > 60],
  ])(
    "stays within the request limits if the endpoint does so now and then: called %s",
    async (_, dice, calls) => {
      vi.spyOn(Math, "random").mockReturnValue(dice);
      for (const order of orders) {
        const at: number[] = [];
        let second = 0;
        const fetch: typeof browserFetch = (url, init) => {
          server = order[at.length % order.length]!;
          at.push(second);
          return browserFetch(url, init);
        };
        const manager = create({ endpoint: "/token", fetch });
        for (outcome(manager.getToken()); second < 300; second++) {
          if (calls(second)) outcome(manager.getToken());
          await advance(SECOND);
        }
        const within = (from: number) => at.filter((time) => time >= from && time < from + 60).length;
        expect(within(0), `${order}`).toBeLessThanOrEqual(10);
        for (let from = 60; from < second; from++) {
          expect(within(from), `${order} from ${from}: ${at}`).toBeLessThanOrEqual(3);
        }
        manager.dispose();
      }
    },
  );

  it("ends when the user signs in again", async () => {
    server = "signed out";
    const { manager } = await ask();
    for (const next of ["token", "moved"] as const) {
      server = next;
      const token = outcome(manager.getToken({ forceRefresh: true }));
      await advance(20 * SECOND);
      expect(await token).toBe("token");
    }
  });
});

describe("a redirect that can be followed", () => {
  it("is no sign-out", async () => {
    server = "moved";
    expect((await ask()).first).toBe("token");
    expect(modes).toEqual(["follow"]);
  });

  it("is no sign-out after a network failure either", async () => {
    server = "offline";
    const manager = create({ endpoint: "/token", fetch: browserFetch, retries: 1 });
    const token = outcome(manager.getToken());
    await advance(0);
    server = "moved";
    await advance(20 * SECOND);
    expect(await token).toBe("token");
    expect(modes).toEqual(["follow", "manual", "follow"]);
  });

  it("is followed again, although it once could not be", async () => {
    server = "signed out";
    const { manager } = await ask({ autoRefresh: false });
    server = "moved";
    let token = "";
    for (let second = 0; second < 120 && token !== "token"; second += 5) {
      token = await Promise.race([outcome(manager.getToken()), advance(5 * SECOND).then(() => "")]);
    }
    expect(token).toBe("token");
  });
});

describe("a network that is down", () => {
  it("is no sign-out, however often it fails", async () => {
    server = "offline";
    const { manager, first } = await ask();
    expect(first).toBe("ERR_NETWORK");
    for (let second = 0; second < 300; second += 5) {
      const code = outcome(manager.getToken());
      await advance(15 * SECOND);
      expect(await code).toBe("ERR_NETWORK");
    }
    expect(new Set(modes.slice(1))).toEqual(new Set(["manual"]));
    server = "token";
    await advance(MINUTE);
    expect(await outcome(manager.getToken())).toBe("token");
  });

  it("is no sign-out after an earlier, detected one either", async () => {
    server = "signed out";
    const { manager } = await ask({ autoRefresh: false });
    server = "offline";
    let code = "";
    for (let second = 0; second < 180; second += 15) {
      const called = outcome(manager.getToken());
      await advance(15 * SECOND);
      code = await called;
    }
    expect(code).toBe("ERR_NETWORK");
  });

  it("is also reported for an unreadable answer, never a status of 0", async () => {
    const unreadable = (type: string) =>
      Object.defineProperties(Response.json(null), {
        type: { value: type },
        status: { value: 0 },
        ok: { value: false },
      });
    for (const type of ["error", "opaque"]) {
      const manager = create({ endpoint: "/token", retries: 0, fetch: async () => unreadable(type) });
      const error = await manager.getToken().catch((error) => error);
      expect(error).toMatchObject({ code: "ERR_NETWORK", status: undefined });
      expect(error.message).not.toMatch(/\b0\b/);
    }
  });
});

describe("an answer redirected from another origin", () => {
  const from = (url: string, response: Response, redirected: boolean | undefined = true) =>
    Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } });
  const codeOf = (response: Response, options: object = {}) =>
    outcome(create({ endpoint: "/token", retries: 0, fetch: async () => response, ...options }).getToken());
  const token = () => Response.json({ token: "t" });
  const page = () => new Response("<form>", { headers: { "content-type": "text/html" } });

  it.each([
    "https://evil.example/token",
    "http://localhost:3001/token",
    `${location.protocol}//evil.example/token`,
  ])("is never adopted: %s", async (url) => {
    expect(await codeOf(from(url, token()))).toBe("ERR_INVALID_RESPONSE");
    expect(await codeOf(from(url, page()))).toBe("ERR_UNAUTHENTICATED");
    // Whatever their content type is.
    const json = new Response('{"token":"t"}', { headers: { "content-type": "text/html" } });
    expect(await codeOf(from(url, json))).toBe("ERR_INVALID_RESPONSE");
    expect(await codeOf(from(url, new Response("<form>")))).toBe("ERR_UNAUTHENTICATED");
    // A fetch that does not report whether it was redirected.
    expect(await codeOf(from(url, token(), undefined))).toBe("ERR_INVALID_RESPONSE");
    vi.stubGlobal("fetch", async () => from(url, token(), false));
    expect(await codeOf(token(), { fetch: undefined })).toBe("ERR_INVALID_RESPONSE");
  });

  it("is accepted if its URL is empty, or on the same origin", async () => {
    expect(await codeOf(from("", token()))).toBe("token");
    expect(await codeOf(from(`${location.origin}/token/`, token()))).toBe("token");
    const endpoint = "https://Auth.example:443/token";
    expect(await codeOf(from("https://auth.example/v2/token", token()), { endpoint })).toBe("token");
    expect(await codeOf(from(`${location.origin}/token`, token()), { endpoint })).toBe(
      "ERR_INVALID_RESPONSE",
    );
  });

  it("does not include what a custom fetch gets elsewhere", async () => {
    expect(await codeOf(from("https://proxy.example/token", token(), false))).toBe("token");
  });
});
