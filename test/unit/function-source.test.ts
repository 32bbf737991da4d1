import { beforeEach, describe, expect, it } from "vitest";
import { CubeTokenError, type FetchTokenResult } from "../../src/index.js";
import { functionSource } from "../../src/source/function.js";
import type { Attempt } from "../../src/source/source.js";
import { jwt } from "../support/jwt.js";
import { advance, MINUTE, SECOND, settle, World } from "../support/world.js";

beforeEach(() => void new World());

/** A source whose calls the test settles, and attempts that ask it. */
function scripted() {
  const calls: { resolve: (result: FetchTokenResult) => void; reject: (error: unknown) => void }[] = [];
  const source = functionSource(() => new Promise((resolve, reject) => void calls.push({ resolve, reject })));
  const attempt = (more: Partial<Attempt> = {}) => {
    const controller = new AbortController();
    const answer = source.ask({
      context: { signal: controller.signal },
      timeout: 10 * SECOND,
      refresh: new AbortController().signal,
      force: false,
      ...more,
    });
    const outcome = answer.catch((error: unknown) => error);
    return { outcome, timeOut: () => controller.abort() };
  };
  return { calls, source, attempt };
}

/** An attempt times out; the next one waits for the same call. */
const waited = (first: Partial<Attempt> = {}, second: Partial<Attempt> = {}) => {
  const { calls, source, attempt } = scripted();
  attempt(first).timeOut();
  const { outcome } = attempt(second);
  return { calls, source, attempt, outcome };
};

/** The same, but the call resolves in between, after 12 s. Returns what an attempt gets so many milliseconds later. */
const kept = async (result: FetchTokenResult, milliseconds: number) => {
  const { calls, attempt } = scripted();
  attempt().timeOut();
  await advance(12 * SECOND);
  calls[0]!.resolve(result);
  await advance(milliseconds);
  const { outcome } = attempt();
  await settle();
  calls[1]?.resolve("new");
  return outcome;
};

it("each attempt calls fetchToken once the previous one has its answer", async () => {
  const { calls, attempt } = scripted();
  for (const n of [0, 1]) {
    const { outcome } = attempt();
    calls[n]!.resolve(`t${n}`);
    expect(await outcome).toEqual({ token: `t${n}` });
  }
});

describe("a call that outlives its attempt", () => {
  it("resolves the next attempt", async () => {
    const { calls, outcome } = waited();
    calls[0]!.resolve("t");
    expect(await outcome).toEqual({ token: "t" });
    expect(calls.length).toBe(1);
  });

  it("rejects the next attempt if it fails for a reason of its own", async () => {
    const error = new CubeTokenError("ERR_FORBIDDEN", "x");
    const { calls, outcome } = waited();
    calls[0]!.reject(error);
    expect(await outcome).toBe(error);
    expect(calls.length).toBe(1);
  });

  it.each([
    ["an AbortError", Object.assign(new Error("x"), { name: "AbortError" })],
    ["a timeout of its own", new CubeTokenError("ERR_TIMEOUT", "x")],
  ])("is repeated if it ended only because its attempt did: %s", async (_, error) => {
    const { calls, outcome } = waited();
    calls[0]!.reject(error);
    await settle();
    calls[1]!.resolve("t2");
    expect(await outcome).toEqual({ token: "t2" });
  });

  const one = new AbortController().signal;
  const other = new AbortController().signal;
  it.each<[string, Partial<Attempt>, Partial<Attempt>, number]>([
    ["is enough", { refresh: one }, { refresh: one }, 1],
    ["is enough in another refresh", { refresh: one }, { refresh: other }, 1],
    ["is enough in the same forced refresh", { refresh: one, force: true }, { refresh: one, force: true }, 1],
    [
      "is not enough in another forced refresh",
      { refresh: one, force: true },
      { refresh: other, force: true },
      2,
    ],
    ["is not enough once the refresh is forced", { refresh: one }, { refresh: one, force: true }, 2],
  ])("%s", async (_, first, second, expected) => {
    for (const end of ["resolve", "reject"] as const) {
      const { calls, outcome } = waited(first, second);
      calls[0]![end]("t1");
      await settle();
      calls[1]?.resolve("t2");
      expect(calls.length).toBe(expected);
      if (expected === 2) expect(await outcome).toEqual({ token: "t2" });
      else if (end === "resolve") expect(await outcome).toEqual({ token: "t1" });
      else expect(await outcome).toMatchObject({ code: "ERR_SOURCE" });
    }
  });

  it.each([
    [MINUTE, 1],
    [MINUTE + 1, 2],
  ])("is given up after a minute: %i ms later there are %i calls", async (passed, expected) => {
    const { calls, attempt } = scripted();
    attempt().timeOut();
    await advance(passed);
    attempt();
    expect(calls.length).toBe(expected);
  });

  it.each([
    [MINUTE, "t1"],
    [MINUTE + 1, "t2"],
  ])(
    "is given up after a minute by an attempt that waits for it: after %i ms the token is %s",
    async (passed, token) => {
      const { calls, outcome } = waited();
      await advance(passed);
      calls[0]!.resolve("t1");
      await settle();
      calls[1]?.resolve("t2");
      expect(await outcome).toEqual({ token });
    },
  );

  it("is dropped by a sign-out, whether it then resolves or rejects", async () => {
    for (const end of ["resolve", "reject"] as const) {
      const { calls, source, attempt } = scripted();
      const { outcome } = attempt();
      source.forget!();
      attempt().timeOut();
      calls[0]![end]("t1");
      await outcome;
      // The second call is still pending, and this attempt waits for it.
      attempt();
      expect(calls.length).toBe(2);
    }
  });

  it("is dropped if it signs out itself", async () => {
    const controller = new AbortController();
    let calls = 0;
    const source = functionSource(() => {
      calls++;
      controller.abort();
      return new Promise(() => {});
    });
    const attempt = { timeout: SECOND, refresh: new AbortController().signal, force: false };
    source.ask({ ...attempt, context: { signal: controller.signal } });
    source.ask({ ...attempt, context: { signal: new AbortController().signal } });
    expect(calls).toBe(2);
  });
});

describe("an answer that comes too late for its attempt", () => {
  it.each<[string, FetchTokenResult, number]>([
    ["a quarter of its token's lifetime", jwt({ iat: 1e9, exp: 1e9 + 100 }), 25 * SECOND],
    ["a quarter of expires_in", { access_token: "t", expires_in: 100 }, 25 * SECOND],
    ["a minute", "t", MINUTE],
    ["no time if iat is after exp", jwt({ iat: 1e9 + 100, exp: 1e9 }), 0],
  ])("is kept for the next attempt for %s", async (_, result, limit) => {
    expect(await kept(result, limit)).not.toEqual({ token: "new" });
    expect(await kept(result, limit + 1)).toEqual({ token: "new" });
  });

  it("counts expires_in from the call", async () => {
    expect(await kept({ access_token: "t", expires_in: 100 }, SECOND)).toEqual({
      token: "t",
      expiresIn: (100 - 13) * SECOND,
    });
    expect(await kept({ access_token: "t", expires_in: 10 }, 0)).toEqual({ token: "t", expiresIn: 0 });
  });

  it("is unchanged if the token has an exp, or no lifetime is known", async () => {
    const token = jwt({ iat: 1e9, exp: 1e9 + 100 });
    expect(await kept({ access_token: token, expires_in: 100 }, SECOND)).toEqual({
      token,
      expiresIn: 100 * SECOND,
    });
    expect(await kept("t", SECOND)).toEqual({ token: "t" });
  });

  it("is not kept if it took more than a minute", async () => {
    const { calls, attempt } = scripted();
    attempt().timeOut();
    await advance(MINUTE + 1);
    calls[0]!.resolve("t1");
    await settle();
    attempt();
    expect(calls.length).toBe(2);
  });
});

it.each([
  ["is dropped if it is temporary", new Error("x"), 2],
  ["is kept if it is not: signed out", Object.assign(new Error("x"), { error: "login_required" }), 1],
])("a failure that comes too late for its attempt %s", async (_, error, expected) => {
  const { calls, attempt } = scripted();
  attempt().timeOut();
  calls[0]!.reject(error);
  await settle();
  const { outcome } = attempt();
  expect(calls.length).toBe(expected);
  if (expected === 1) expect(await outcome).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
});

it("null means signed out, and the error says so", async () => {
  const { calls, attempt } = scripted();
  const { outcome } = attempt();
  calls[0]!.resolve(null);
  expect(await outcome).toMatchObject({
    code: "ERR_UNAUTHENTICATED",
    message: expect.stringMatching(/^fetchToken .* null/),
  });
});
