import { describe, expect, it } from "vitest";
import { afterFailure, afterLoss, NO_FAILURES } from "../../src/cube/socket/backoff.js";
import "../support/setup.js";

const NOW = 50_000;

describe("the pause before the next attempt to connect", () => {
  it.each([
    // failures before, random, longest pause
    [0, 1, 1000],
    [0, 0.5, 500],
    [0, 0, 0],
    [1, 1, 2000],
    [2, 1, 4000],
    [3, 1, 8000],
    [4, 1, 10_000],
    [4, 0.25, 2500],
    [10, 1, 10_000],
    [5000, 1, 10_000],
  ])("after %i failures and one more, with the dice at %f, is %i ms", (failures, random, pause) => {
    expect(afterFailure({ failures, retryAt: 0 }, NOW, random)).toEqual({
      failures: failures + 1,
      retryAt: NOW + pause,
    });
  });

  it.each([
    // how long it was open, failures before, failures after
    [0, 0, 1],
    [0, 4, 5],
    [9999, 4, 5],
    [10_000, 4, 5],
    [10_001, 4, 1],
    [3_600_000, 4, 1],
  ])("after a connection of %i ms and %i failures before it counts %i", (open, failures, after) => {
    const backoff = afterLoss({ failures, retryAt: 0 }, NOW - open, NOW, 1);
    expect(backoff.failures).toBe(after);
    expect(backoff).toEqual(
      afterFailure(after === 1 ? NO_FAILURES : { failures: after - 1, retryAt: 0 }, NOW, 1),
    );
  });
});
