import { beforeEach, describe, expect, it, vi } from "vitest";
import { CubeTokenError, type CubeTokenErrorOptions, type SourceContext } from "../../src/index.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";

beforeEach(() => void new World());

const ignore = () => {};
const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

/** A slow source that ignores its signal. */
function slow(...durations: number[]) {
  const calls: number[] = [];
  let running = 0;
  const stats = { most: 0 };
  const fetchToken = async (_: SourceContext) => {
    const n = calls.push(Date.now());
    stats.most = Math.max(stats.most, ++running);
    await new Promise((resolve) => setTimeout(resolve, durations[n - 1] ?? durations.at(-1)));
    running--;
    return `t${n}`;
  };
  return { fetchToken, calls, stats };
}

describe("a source slower than its timeout", () => {
  it.each([12, 25, 59])("is called once, and its late answer counts: %i s", async (seconds) => {
    const source = slow(seconds * SECOND);
    const manager = create({ fetchToken: source.fetchToken });
    for (let second = 0; second < 120; second++) {
      manager.getToken().catch(ignore);
      await advance(SECOND);
    }
    expect(await manager.getToken()).toBe("t1");
    expect(source.calls.length).toBe(1);
  });

  it("that answers between two attempts is not called again", async () => {
    const source = slow(12 * SECOND);
    const manager = create({ fetchToken: source.fetchToken, retries: 0 });
    const first = caught(manager.getToken());
    await advance(30 * SECOND);
    expect(await first).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(await manager.getToken()).toBe("t1");
    expect(source.calls.length).toBe(1);
  });

  it.each([
    [10 * SECOND, MINUTE],
    [SECOND, MINUTE],
    [20 * SECOND, 2 * MINUTE],
  ])("with a timeout of %i ms is abandoned after %i ms", async (requestTimeout, patience) => {
    const source = slow(1e9, 10);
    const manager = create({ fetchToken: source.fetchToken, requestTimeout, retries: 0 });
    const poll = async (duration: number) => {
      for (let passed = 0; passed < duration; passed += SECOND) {
        manager.getToken().catch(ignore);
        await advance(SECOND);
      }
    };
    await poll(patience);
    expect(source.calls.length).toBe(1);
    await poll(90 * SECOND);
    expect(source.calls.length).toBe(2);
    expect(await manager.getToken()).toBe("t2");
    expect(source.calls[1]! - source.calls[0]!).toBeGreaterThan(patience);
  });

  it("is judged by the clock: a call from before a long sleep is abandoned", async () => {
    const source = slow(12 * SECOND, 10);
    const world = new World();
    const manager = create({ fetchToken: source.fetchToken, retries: 0 });
    manager.getToken().catch(ignore);
    await advance(11 * SECOND);
    world.sleep(MINUTE);
    await advance(2 * SECOND);
    const token = manager.getToken();
    await advance(SECOND);
    expect(await token).toBe("t2");
  });

  it.each(["clear", "dispose"] as const)("is not called again after %s()", async (end) => {
    const source = slow(12 * SECOND);
    const manager = create({ fetchToken: source.fetchToken });
    const tokens = Promise.all(Array.from({ length: 5 }, () => caught(manager.getToken())));
    await advance(10_500);
    await manager[end]();
    await advance(10 * MINUTE);
    for (const error of await tokens)
      expect(error).toMatchObject({ code: end === "clear" ? "ERR_CLEARED" : "ERR_DISPOSED" });
    expect(source.calls.length).toBe(1);
  });

  it.each([
    ["before the call's timeout", 5, "t2"],
    ["after its timeout, while it still runs", 11, "t2"],
    ["after an answer that no caller received", 13, "t2"],
  ])("is called again after a sign-out: %s", async (_, seconds, expected) => {
    const source = slow(12 * SECOND, 10);
    const manager = create({ fetchToken: source.fetchToken, retries: 0 });
    manager.getToken().catch(ignore);
    await advance(seconds * SECOND);
    await manager.clear();
    const token = manager.getToken();
    await advance(20);
    expect(await token).toBe(expected);
    await advance(MINUTE);
    expect(await manager.getToken()).toBe(expected);
    expect(source.calls.length).toBe(2);
  });

  it("is called again by forceRefresh, which an earlier call does not satisfy", async () => {
    const source = slow(12 * SECOND, 10);
    const manager = create({ fetchToken: source.fetchToken, retries: 0, autoRefresh: false });
    manager.getToken().catch(ignore);
    await advance(11 * SECOND);
    const token = manager.getToken({ forceRefresh: true });
    await advance(SECOND + 20);
    expect(await token).toBe("t2");
    // Not in parallel.
    expect(source.stats.most).toBe(1);
  });

  it("does not extend an opaque token: expires_in counts from the call", async () => {
    const fetchToken = async () => {
      await new Promise((resolve) => setTimeout(resolve, 40 * SECOND));
      return { access_token: "t", expires_in: 300 };
    };
    const begun = Date.now();
    const manager = create({ fetchToken });
    for (let second = 0; second < 45; second++) {
      manager.getToken().catch(ignore);
      await advance(SECOND);
    }
    expect(await manager.getToken()).toBe("t");
    expect(Math.abs(manager.getSnapshot().expiresAt! - begun - 300_000)).toBeLessThan(1000);
  });

  it("is called again if its unused answer holds a token about to expire", async () => {
    const world = new World();
    let calls = 0;
    const fetchToken = async () => {
      calls++;
      const iat = Math.floor(world.now() / 1000);
      await new Promise((resolve) => setTimeout(resolve, calls === 1 ? 12 * SECOND : 10));
      return jwt({ calls, iat: iat + 12, exp: iat + 72 });
    };
    const manager = create({ fetchToken, retries: 0, autoRefresh: false });
    manager.getToken().catch(ignore);
    await advance(12 * SECOND + 50 * SECOND);
    const token = manager.getToken();
    await advance(20);
    expect(world.accepts(await token)).toBe(true);
    expect(calls).toBe(2);
  });

  it("respects the exp of a JWT", async () => {
    const world = new World();
    const exp = Math.floor(world.now() / 1000) + 300;
    const fetchToken = async () => {
      await new Promise((resolve) => setTimeout(resolve, 15 * SECOND));
      return { access_token: jwt({ iat: exp - 285, exp }), expires_in: 285 };
    };
    const manager = create({ fetchToken });
    const token = manager.getToken();
    await advance(16 * SECOND);
    await token;
    expect(manager.getSnapshot().expiresAt).toBe(exp * 1000);
  });
});

describe("a source that respects its signal", () => {
  const heeding =
    (calls: number[], delay: number, answers = 0): ((context: SourceContext) => Promise<string>) =>
    ({ signal }) => {
      const n = calls.push(Date.now());
      return new Promise((resolve, reject) => {
        if (n > answers) setTimeout(resolve, 10, `t${n}`);
        signal.addEventListener("abort", () =>
          setTimeout(() => reject(Object.assign(new Error("aborted"), { name: "AbortError" })), delay),
        );
      });
    };

  it.each([0, 5, 3000])("is called again after its timeout, even if it rejects %i ms late", async (delay) => {
    const calls: number[] = [];
    const manager = create({ fetchToken: heeding(calls, delay, 1) });
    const token = manager.getToken();
    await advance(15 * SECOND);
    expect(await token).toBe("t2");
    expect(calls.length).toBe(2);
  });
});

describe("a rejection of a late call", () => {
  const failing = (error: unknown) => {
    const calls: number[] = [];
    const fetchToken = async () => {
      if (calls.push(Date.now()) > 1) return "t2";
      await new Promise((resolve) => setTimeout(resolve, 12 * SECOND));
      throw error;
    };
    return { calls, manager: create({ fetchToken }) };
  };

  it("counts too if it says that the session is over", async () => {
    const { calls, manager } = failing(Object.assign(new Error("x"), { error: "login_required" }));
    const token = caught(manager.getToken());
    await advance(13 * SECOND);
    expect(await token).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    expect(calls.length).toBe(1);
  });

  it("is a failure like any other, and the source is called again", async () => {
    const { calls, manager } = failing(new Error("x"));
    const token = manager.getToken();
    await advance(MINUTE);
    expect(await token).toBe("t2");
    expect(calls.length).toBe(2);
  });
});

describe("what fetchToken rejects with", () => {
  const rejecting = (error: unknown, retries = 0) => {
    const fetchToken = vi.fn(() => Promise.reject(error));
    return { fetchToken, manager: create({ fetchToken, retries }) };
  };

  const signedOut = ["login_required", "interaction_required", "consent_required", "invalid_grant"].flatMap(
    (word) => [["error", word] as const, ["errorCode", word] as const],
  );

  it.each(signedOut)("means that the user is signed out: %s of %s", async (name, word) => {
    const cause = Object.assign(new Error("x"), { [name]: word });
    const { fetchToken, manager } = rejecting(cause, 3);
    const error = await caught(manager.getToken());
    expect(error).toMatchObject({
      code: "ERR_UNAUTHENTICATED",
      message: `The session is over (${word}): sign in again.`,
      cause,
    });
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });

  it.each([
    ["an error", new Error("x")],
    ["an OAuth error that passes", Object.assign(new Error("x"), { error: "temporarily_unavailable" })],
    [
      "one that is not a string",
      Object.assign(new Error("x"), { error: Symbol("login_required"), errorCode: ["invalid_grant"] }),
    ],
    ["nothing", undefined],
    ["null", null],
    ["a text", "login_required"],
    ["a response", new Response(null, { status: 401 })],
    ["an object without a prototype", Object.create(null)],
  ])("becomes ERR_SOURCE and is retried: %s", async (_, cause) => {
    const { fetchToken, manager } = rejecting(cause, 1);
    const error = caught(manager.getToken());
    await advance(MINUTE);
    expect(await error).toMatchObject({
      code: "ERR_SOURCE",
      message: "fetchToken failed, see the cause.",
    });
    expect(((await error) as Error).cause).toBe(cause);
    expect(fetchToken.mock.calls.length).toBeGreaterThan(1);
  });

  it("counts the same if it throws instead of rejecting", async () => {
    const cause = new Error("x");
    const fetchToken = () => {
      throw cause;
    };
    await expect(create({ fetchToken, retries: 0 }).getToken()).rejects.toMatchObject({
      code: "ERR_SOURCE",
      cause,
    });
  });

  it("counts the same in a request function that asks an identity provider", async () => {
    const cause = Object.assign(new Error("x"), { error: "login_required" });
    const manager = create({ endpoint: "/token", request: () => Promise.reject(cause), fetch: vi.fn() });
    await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED", cause });
  });

  it("passes through if it is a CubeTokenError", async () => {
    const error = new CubeTokenError("ERR_HTTP_STATUS", "x", { status: 418, retryAfter: 5 });
    await expect(rejecting(error).manager.getToken()).rejects.toBe(error);
  });

  const numbers = [NaN, Infinity, -Infinity, -1, 1e308, 2 ** 53, "soon", "5", null, {}, 5n, true] as never[];

  it.each(numbers.flatMap((value) => [{ retryAfter: value }, { status: value }]))(
    "has its numbers validated: %o",
    async (numbers: CubeTokenErrorOptions) => {
      const { status = 503 } = numbers;
      const foreign = Object.assign(
        new Error("x"),
        { name: "CubeTokenError", code: "ERR_HTTP_STATUS", status },
        numbers,
      );
      const changed = Object.assign(new CubeTokenError("ERR_HTTP_STATUS", "x", { status: 503 }), numbers);
      for (const thrown of [
        foreign,
        changed,
        new CubeTokenError("ERR_HTTP_STATUS", "x", { status: 503, ...numbers }),
      ]) {
        const { fetchToken, manager } = rejecting(thrown);
        const error = (await caught(manager.getToken())) as CubeTokenError;
        expect(error).toMatchObject({ code: "ERR_HTTP_STATUS", message: "x" });
        const { retryAfter = 0, status = 100 } = error;
        expect(Number.isFinite(retryAfter) && retryAfter >= 0 && retryAfter <= 3_600_000).toBe(true);
        expect(Number.isInteger(status) && status >= 100 && status < 1000).toBe(true);
        for (let second = 0; second < 60; second++) {
          manager.getToken().catch(ignore);
          await advance(SECOND);
        }
        expect(fetchToken.mock.calls.length).toBeLessThanOrEqual(10);
      }
    },
  );

  it.each(["url", "contentType", "message"])("has its strings validated: %s", async (name) => {
    const headers = { authorization: "Bearer SECRET" };
    const thrown = Object.assign(new CubeTokenError("ERR_FORBIDDEN", "x"), { [name]: { headers } });
    const { manager } = rejecting(thrown);
    const listener = vi.fn();
    manager.subscribe(listener);
    const error = (await caught(manager.getToken())) as CubeTokenError;
    expect(error).toMatchObject({ code: "ERR_FORBIDDEN", cause: thrown });
    expect(typeof error.message).toBe("string");
    expect(JSON.stringify([listener.mock.calls, manager.getSnapshot()])).not.toContain("SECRET");
  });

  const unreadable = {
    get() {
      throw new Error("SECRET");
    },
  };

  it.each<[string, unknown]>([
    ["a getter throws", Object.defineProperty({}, "error", unreadable)],
    [
      "the message is not a string",
      Object.assign(new CubeTokenError("ERR_SOURCE", "x"), { message: Symbol("x") }),
    ],
    ["none of its members can be read", new Proxy(new Error("x"), unreadable)],
    [
      "the code is not a string",
      Object.assign(new Error("x"), { name: "CubeTokenError", code: Symbol("x") }),
    ],
  ])("becomes ERR_SOURCE if %s", async (_, thrown) => {
    const { manager } = rejecting(thrown);
    const listener = vi.fn();
    manager.subscribe(listener);
    const error = (await caught(manager.getToken())) as CubeTokenError;
    expect(error).toBeInstanceOf(CubeTokenError);
    expect(error.code).toBe("ERR_SOURCE");
    expect(error.cause === thrown).toBe(true);
    expect(manager.getSnapshot().error?.message).toContain("fetchToken failed");
  });
});
