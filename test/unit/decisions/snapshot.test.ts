import { describe, expect, it } from "vitest";
import { createSnapshot, statusChangesIn, statusOf } from "../../../src/core/snapshot.js";
import { held, refresh, state } from "./states.js";

it.each<[string, number, string, number]>([
  ["before its refresh is due", 239, "fresh", 1],
  ["that is due", 240, "stale", 60],
  ["to its end", 299, "stale", 1],
  ["after it", 300, "expired", Infinity],
])("a token %s", (_, seconds, status, changesIn) => {
  expect(statusOf(held(), seconds * 1000)).toBe(status);
  expect(statusChangesIn(held(), seconds * 1000)).toBe(changesIn * 1000);
});

describe("a new token that is being stored", () => {
  const before = state({ held: held(), refresh });
  const came = held({ token: { value: "new", claims: {} }, expiresAt: 600_000 });
  const after = state({ held: came, refresh });

  it("is shown to subscribers when the refresh ends", () => {
    const snapshot = createSnapshot();
    const shown = snapshot(before, 0, true);
    expect(snapshot(after, 0, true)).toBe(shown);
    expect(snapshot(state({ held: came }), 0, true)).toMatchObject({
      refreshing: false,
      expiresAt: 600_000,
    });
  });

  it("does not hide the status changes of the old one", () => {
    const snapshot = createSnapshot();
    const statuses = [0, 240_000, 300_000].map((now) => snapshot(before, now, true).status);
    expect(statuses).toEqual(["fresh", "stale", "expired"]);
  });

  it("is shown at once without subscribers", () => {
    const snapshot = createSnapshot();
    snapshot(before, 0);
    expect(snapshot(after, 0)).toMatchObject({ refreshing: true, expiresAt: 600_000 });
  });

  it("is shown once the next refresh starts", () => {
    const snapshot = createSnapshot();
    snapshot(before, 0, true);
    const next = state({ held: came, refresh: { ...refresh, id: 2 } });
    expect(snapshot(next, 0, true)).toMatchObject({ expiresAt: 600_000 });
  });

  it("is shown if nothing was shown before", () => {
    expect(createSnapshot()(after, 0, true)).toMatchObject({ refreshing: true, expiresAt: 600_000 });
  });
});
