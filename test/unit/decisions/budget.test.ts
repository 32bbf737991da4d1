import { describe, expect, it } from "vitest";
import { fail, failElsewhere, hasLived, refused, rest, skipPause } from "../../../src/core/budget.js";
import type { Held, State } from "../../../src/core/state.js";
import { after, held, state } from "./states.js";

const S = 1000;

/** Fails repeatedly, each time when a call may ask; returns the times of the attempts, in seconds. */
function attempts(random: number, until: number, more: Partial<State> = { held: undefined }): number[] {
  let current = state(more);
  const times: number[] = [];
  for (let elapsed = 0; elapsed < until * S; elapsed = Math.max(current.callAt, elapsed + 1)) {
    times.push(elapsed / S);
    const { wait: _, ...change } = fail(current, { now: elapsed, elapsed }, random, elapsed);
    current = { ...current, ...change } as State;
  }
  return times;
}

const within = (times: number[], from: number, to: number) =>
  times.filter((time) => time >= from && time < to).length;

describe("a source that keeps failing", () => {
  it.each([0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])(
    "gets at most 10 requests in the first minute and 3 in each later one, random %s",
    (random) => {
      const times = attempts(random, 600);
      expect(within(times, 0, 60)).toBeLessThanOrEqual(10);
      for (let minute = 1; minute < 10; minute++) {
        expect(within(times, minute * 60, minute * 60 + 60)).toBeLessThanOrEqual(3);
      }
    },
  );

  it("does not delay a call after the first two failures", () => {
    let current = state({ held: undefined });
    const waits = Array.from({ length: 4 }, () => {
      const { wait: _, ...change } = fail(current, after(0), 0.5, 0);
      current = { ...current, ...change } as State;
      return current.callAt === -Infinity;
    });
    expect(waits).toEqual([true, true, false, false]);
  });

  it.each([
    [0, 40],
    [0.5, 50],
    [0.999, 60],
  ])("is asked 40 to 60 s apart by a manager without calls, random %s", (random, seconds) => {
    // Asked at 90 s; timed out at 100 s.
    const failing = state({ held: undefined, failures: 6, failingSince: 0, askedAt: 90 * S });
    const { aloneAt } = fail(failing, after(100), random, 100 * S);
    expect(aloneAt / S - 90).toBeCloseTo(seconds, 0);
  });

  it("is left alone for as long as it asks, but at most an hour", () => {
    const asked = (retryAfter: number) => fail(state({ held: undefined }), after(0), 0, 0, { retryAfter });
    expect(asked(7000)).toMatchObject({ wait: 7000, retryAt: 7000, callAt: 7000, aloneAt: 7000 });
    expect(asked(1e12)).toMatchObject({ wait: 3_600_000 });
  });

  it.each([
    [0, 1],
    [1, 1],
    [3, 3],
  ])("counts the requests of an attempt: %i as %i", (requests, failures) => {
    expect(fail(state({ held: undefined }), after(0), 0, 0, { requests })).toMatchObject({ failures });
  });

  it.each<[string, Partial<State>, number, Held | undefined]>([
    ["from the first failure while a token is valid", {}, 240, held()],
    ["after refusals, with a token that came since", { failures: 3 }, 240, held()],
    ["until the failures end, even after that token has expired", { failures: 2, calm: held() }, 310, held()],
    ["if its lifetime is long enough", { held: held({ life: 120_000 }) }, 240, held({ life: 120_000 })],
    ["but not if it is shorter", { held: held({ life: 119_999 }) }, 240, undefined],
    [
      "but not if Cube refused that token",
      { failures: 1, calm: held(), held: held({ refused: true }) },
      10,
      undefined,
    ],
    ["but not without a token", { failures: 1, held: undefined }, 10, undefined],
  ])("is calm %s", (_, change, seconds, calm) => {
    expect(fail(state(change), after(seconds), 0, seconds * S).calm).toEqual(calm);
  });

  it.each([0, 0.5, 0.999])(
    "is asked again while a long-lived token is served, and within a minute of its end, random %s",
    (random) => {
      // Due at 240 s, usable until 290 s: the outage starts when it is due.
      let current = state();
      let at = 240 * S;
      const times: number[] = [];
      for (let n = 0; n < 6; n++) {
        times.push(at / S);
        const { wait, ...change } = fail({ ...current, askedAt: at }, { now: at, elapsed: at }, random, at);
        current = { ...current, ...change } as State;
        expect(wait).toBeLessThanOrEqual(Math.max(60 * S, 290 * S - at));
        at += wait;
      }
      expect(times[1]).toBeLessThanOrEqual(290);
    },
  );
});

describe("another tab's failure", () => {
  it("counts like an own failure, and never shortens a longer pause", () => {
    const failing = state({ held: undefined, failures: 3, retryAt: 30 * S });
    expect(failElsewhere(failing, after(10), 0, 2, 5 * S)).toMatchObject({
      failures: 3,
      retryAt: 30 * S,
      callAt: 30 * S,
    });
    expect(failElsewhere(failing, after(10), 0, 5, 40 * S)).toMatchObject({ failures: 5, retryAt: 50 * S });
  });

  it.each([
    [25, 50],
    [45, 55],
  ])("with a pause of %s s is followed by a request after %s s without callers", (pause, seconds) => {
    const failing = state({ held: undefined, failures: 6 });
    expect(failElsewhere(failing, after(10), 0, 6, pause * S).aloneAt).toBe(seconds * S);
  });
});

describe("pauses are skipped", () => {
  it("six times a minute, and only if there is one", () => {
    let current = state({ retryAt: 99_000, callAt: 99_000 });
    const skips = Array.from({ length: 7 }, (_, n) => {
      const change = skipPause(current, n * S);
      current = { ...current, ...change, retryAt: 99_000, callAt: 99_000 } as State;
      return !!change;
    });
    expect(skips).toEqual([true, true, true, true, true, true, false]);
    expect(skipPause(current, 59 * S)).toBeUndefined();
    expect(skipPause(current, 60 * S)).toMatchObject({ retryAt: -Infinity, callAt: -Infinity });
    expect(skipPause({ ...current, retryAt: 0, callAt: 0 }, 30 * S)).toEqual({});
  });

  it.each<[string, Partial<State>, object]>([
    ["if only callers have to wait", { callAt: 20 * S }, { skips: [10 * S] }],
    ["if only the background has to wait", { retryAt: 20 * S }, { skips: [10 * S] }],
    ["after a failure, however short they are", { retryAt: 10_500, failures: 1 }, { skips: [10 * S] }],
    ["if they are longer than a second after an answer", { retryAt: 10_501 }, { skips: [10 * S] }],
    ["if they are a second long after an answer, which is not counted", { retryAt: 10_500 }, {}],
  ])("%s", (_, change, skips) => {
    const pausing = state({ askedAt: 9500, ...change });
    expect(skipPause(pausing, 10 * S)).toEqual({
      retryAt: -Infinity,
      callAt: -Infinity,
      aloneAt: -Infinity,
      ...skips,
    });
  });

  it("but not after their end", () => {
    expect(skipPause(state({ retryAt: 20 * S, failures: 1 }), 20 * S)).toEqual({});
  });
});

describe("tokens that Cube refuses", () => {
  it("are the endpoint's fault from the second in a row", () => {
    const once = { ...state(), ...refused(state(), 0) } as State;
    expect(once).toMatchObject({ held: { refused: true }, refusals: 1, verdict: undefined });
    const twice = refused({ ...once, held: held({ token: { value: "new" } }) } as State, 0);
    expect(twice).toMatchObject({ refusals: 2, verdict: { code: "ERR_INVALID_TOKEN" } });
    expect(refused({ ...once, ...twice } as State, 0).verdict).toBe(twice.verdict);
  });

  it("continue the previous failures if Cube refuses a token within a minute", () => {
    const recovered = state({ failures: 0, forgiven: 5, askedAt: 100 * S });
    expect(refused(recovered, 159 * S)).toMatchObject({ failures: 5 });
    expect(refused(recovered, 160 * S)).toMatchObject({ failures: 0 });
  });

  it.each<[string, Partial<State>, number, boolean]>([
    ["a token that went unrefused until its refresh was due", {}, 240, true],
    ["one that is still fresh", {}, 239, false],
    ["one that was refused", { held: held({ refused: true }) }, 240, false],
    ["no token", { held: undefined }, 240, false],
  ])("are forgotten for %s: %#", (_, change, seconds, expected) => {
    expect(hasLived(state(change), seconds * S)).toBe(expected);
  });
});

it.each([
  [0, 150],
  [200, 250],
  [299, 300],
  [299.9, 300.9],
])("a source that repeats its token at %s s is asked at %s s", (seconds, expected) => {
  const { retryAt, callAt } = rest(state(), after(seconds));
  expect(retryAt / S).toBeCloseTo(expected, 5);
  expect(callAt).toBe(retryAt);
});

it("a source that repeats a token of several days is asked again after five minutes", () => {
  expect(rest(state({ held: held({ expiresAt: 1e9 }) }), after(0)).retryAt).toBe(300 * S);
});
