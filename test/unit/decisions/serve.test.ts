import { describe, expect, it } from "vitest";
import { isDead, isDue, refreshIn, type Service, serve } from "../../../src/core/serve.js";
import type { State } from "../../../src/core/state.js";
import { CubeTokenError } from "../../../src/errors.js";
import { after, held, refresh, state } from "./states.js";

const down = new CubeTokenError("ERR_NETWORK", "down");
const signedOut = new CubeTokenError("ERR_UNAUTHENTICATED", "sign in");
const refused = { held: held({ refused: true }) };

describe("a call gets", () => {
  it.each<[string, Partial<State>, number, Service]>([
    ["the token while it is fresh", {}, 239, "token"],
    ["the token, and starts a refresh, once it is stale", {}, 240, "stale"],
    ["the token, and starts a refresh, until minValidity", {}, 289, "stale"],
    ["the result of the refresh below minValidity", {}, 290, "refresh"],
    ["the old token below minValidity, if a refresh has failed", { retryAt: 295_000 }, 291, "token"],
    ["the result of the refresh in flight below minValidity", { retryAt: 295_000, refresh }, 291, "refresh"],
    ["the result of a refresh below minValidity, as the pause ends", { retryAt: 291_000 }, 291, "refresh"],
    ["the result of a refresh once it has expired", {}, 300, "refresh"],
    ["the result of a refresh if there is no token", { held: undefined }, 0, "refresh"],
    ["the result of a refresh if Cube refused the token", refused, 10, "refresh"],
    [
      "the refused token during the pause, and so Cube's own answer",
      { ...refused, callAt: 20_000 },
      10,
      "token",
    ],
    ["the result of a refresh as that pause ends", { ...refused, callAt: 20_000 }, 20, "refresh"],
    [
      "the result of a refresh once the refused token has expired",
      { ...refused, callAt: 310_000 },
      300,
      "refresh",
    ],
    ["the error at once if the pause is long", { held: undefined, error: down, callAt: 20_000 }, 9, "error"],
    ["the result after a short pause", { held: undefined, error: down, callAt: 20_000 }, 10, "refresh"],
    [
      "the result of the refresh in flight, whatever the pause",
      { held: undefined, callAt: 99_000, refresh },
      10,
      "refresh",
    ],
  ])("%s", (_, change, seconds, service) => {
    expect(serve(state(change), false, after(seconds))).toBe(service);
  });

  it.each<[string, Partial<State>, number, Service]>([
    ["the result of a refresh, even while the token is fresh", {}, 1, "refresh"],
    ["the error if pauses were skipped too often", { error: down, callAt: 20_000 }, 1, "error"],
    ["never the refused token", { ...refused, callAt: 5000 }, 1, "refresh"],
  ])("%s, if forced", (_, change, seconds, service) => {
    expect(serve(state(change), true, after(seconds))).toBe(service);
  });
});

describe("without a call a refresh is due", () => {
  it.each<[string, Partial<State>, number, number]>([
    ["when the token is stale", {}, 0, 240],
    ["when the pause after a failure ends", { error: down, retryAt: 250_000 }, 245, 5],
    ["while the token is valid, even if the pause is longer", { error: down, retryAt: 310_000 }, 245, 65],
    ["never if a cached answer has nothing better before the end", { retryAt: 301_000 }, 245, Infinity],
    ["never if it could come only at the very end", { retryAt: 300_000 }, 245, Infinity],
    ["never while one is in flight", { refresh }, 245, Infinity],
    ["never for a refused token: the next call asks", refused, 10, Infinity],
    ["never for an expired token without calls", {}, 300, Infinity],
    [
      "never if the user has to sign in",
      { held: undefined, error: signedOut, aloneAt: 50_000 },
      10,
      Infinity,
    ],
    ["a while after a failure that left no token", { held: undefined, error: down, aloneAt: 50_000 }, 10, 40],
    ["at once if that is long ago", { held: undefined, error: down, aloneAt: 50_000 }, 60, 0],
    ["never before the first call", { phase: "idle" }, 245, Infinity],
    ["never after dispose()", { phase: "disposed", held: undefined } as Partial<State>, 245, Infinity],
  ])("%s", (_, change, seconds, expected) => {
    expect(refreshIn(state(change), after(seconds))).toBe(expected * 1000);
  });
});

it.each<[string, Partial<State>, number, boolean]>([
  ["a fresh token", {}, 239, false],
  ["a stale one", {}, 240, true],
  ["a refused one", refused, 1, true],
  ["no token, and no call", { held: undefined }, 1, false],
  ["no token, after a failure", { held: undefined, error: down }, 1, true],
])("a page that wakes up with %s refreshes: at %#", (_, change, seconds, expected) => {
  expect(isDue(state(change), seconds * 1000)).toBe(expected);
});

it("a refresh is abandoned once a stage has exceeded its limit", () => {
  const waiting = state({ refresh: { ...refresh, until: 5000 } });
  expect([5000, 5001].map((elapsed) => isDead(waiting, elapsed))).toEqual([false, true]);
  expect(isDead(state(), Infinity)).toBe(false);
});
