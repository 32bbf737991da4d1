import { describe, expect, it } from "vitest";
import { aloneDelay, calmDelay, countFailures, retryDelay } from "../../../src/core/schedule.js";

describe("the pause of a failing source", () => {
  it.each([
    [1, 0, 0],
    [1, 1, 1],
    [2, 0.5, 1],
    [5, 1, 16],
    [6, 0, 21],
    [6, 0.5, 25.5],
    [60, 1, 30],
  ])("after %i failures, random %s: %s s", (failures, random, seconds) => {
    expect(retryDelay(failures, random)).toBe(seconds * 1000);
  });

  it.each<[string, number, number]>([
    ["is its Retry-After", 5000, 5000],
    ["is longer if the backoff is", 100, 1000],
    ["is an hour at most", 3_600_001, 3_600_000],
  ])("%s", (_, retryAfter, delay) => expect(retryDelay(1, 1, retryAfter)).toBe(delay));

  it("is multiplied by the number of requests, except for Retry-After", () => {
    expect(retryDelay(6, 0, 0, 2)).toBe(42_000);
    expect(retryDelay(6, 0, 60_000, 2)).toBe(60_000);
  });

  it.each([
    [5, 1, 0],
    [6, 0, 40],
    [6, 0.5, 50],
    [6, 1, 60],
  ])("of a manager without callers after %i failures, random %s: %s s", (failures, random, seconds) => {
    expect(aloneDelay(failures, random)).toBe(seconds * 1000);
  });
});

it.each([
  [1, 60, 1],
  [1, 60.001, 6],
  [9, 60.001, 9],
])("%i failures within %s s count as %i", (failures, seconds, expected) => {
  expect(countFailures(failures, seconds * 1000)).toBe(expected);
});

describe("while the old token is still valid", () => {
  it.each([
    [0, 100, 50],
    [0.5, 100, 75],
    [1, 100, 100],
    [1, 300, 120],
    [1, 0, 0],
    [1, -5, 0],
  ])("the second attempt comes before its end, random %s, %s s left: after %s s", (random, left, seconds) => {
    expect(calmDelay(1, random, left * 1000, 600_000)).toBe(seconds * 1000);
  });

  it.each([
    [0, 900, 600, 50],
    [1, 900, 600, 150],
    [0, 900, 150, 25],
    [1, 900, 150, 75],
    // At its end, within a minute.
    [0, 0, 600, 40],
    [0.5, 0, 600, 50],
    [1, 0, 600, 60],
    [1, 70, 600, 70],
  ])("later ones follow, random %s, %s s left of %s s: after %s s", (random, left, life, seconds) => {
    expect(calmDelay(2, random, left * 1000, life * 1000)).toBe(seconds * 1000);
  });
});
