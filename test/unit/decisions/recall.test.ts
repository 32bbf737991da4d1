import { describe, expect, it } from "vitest";
import type { State } from "../../../src/core/state.js";
import { type TokenRecord, writeRecord } from "../../../src/storage/record.js";
import { readStored, recall, type Stored, tellsTime } from "../../../src/tabs/recall.js";
import { jwt } from "../../support/jwt.js";
import { after, held, state } from "./states.js";

const S = 1000;
const options = { refreshBefore: 60_000, minValidity: 10_000, refreshJitter: 0, identity: "ada" };
/** Made at 50 s, it holds a token until 300 s. */
const manager = (more: Partial<State> = {}) => ({ ...state(more), options, madeAt: 50 * S });

/** A token until 400 s, asked for at 90 s and stored at 100 s by a manager made at 10 s. */
const stored = ({ exp = 400, ...more }: Partial<TokenRecord> & { exp?: number } = {}): Stored =>
  readStored(
    writeRecord({
      token: jwt({ exp }),
      at: 100 * S,
      since: 90 * S,
      madeAt: 10 * S,
      ahead: 0,
      draw: 0,
      identity: "ada",
      ...more,
    }),
  )!;

/** What the record is at 200 s on every clock. */
const recalled = (record: Stored, more: Partial<State> = {}, wanted = true, wall = 200 * S) =>
  recall(manager(more), record, after(200), wall, wanted);

const old = held({ token: { value: jwt({ exp: 300 }) } });
const TAKEN = "taken over";
const kind = (result: ReturnType<typeof recall>) =>
  typeof result === "object" ? TAKEN : (result ?? "ignored");

describe("a stored token is", () => {
  it.each<[string, Stored, Partial<State>, string]>([
    [TAKEN, stored(), { held: undefined }, "where there is none"],
    [TAKEN, stored(), {}, "where it lives longer than the one held"],
    ["ignored", stored({ exp: 299 }), {}, "where the one held lives longer"],
    [TAKEN, stored({ exp: 300 }), {}, "of two that live alike, where it came later"],
    [
      "ignored",
      stored({ exp: 300, at: 0 }),
      { held: held({ at: 1 }) },
      "of two that live alike, where it came before",
    ],
    [TAKEN, stored({ exp: 250 }), { held: held({ refused: true }) }, "where Cube refused the one held"],
    ["ignored", stored({ exp: 300 }), { held: old }, "where it is the one held"],
    [
      TAKEN,
      stored({ exp: 300 }),
      { held: { ...old, refused: true } },
      "where it is the refused one, and came once more since",
    ],
    [
      "ignored",
      stored({ exp: 300, at: 0 }),
      { held: { ...old, refused: true } },
      "where it is the refused one, as it came before",
    ],
    ["ignored", stored({ exp: 200 }), { held: undefined }, "once it is dead"],
    ["ignored", stored({ at: 202 * S }), {}, "where it comes from the future: the clock was set back"],
    [TAKEN, stored({ at: 201 * S, since: 201 * S }), {}, "where clocks differ by a second"],
    [
      "ignored",
      stored(),
      { held: undefined, clearedAt: 95 * S },
      "where it was asked for before the sign-out",
    ],
    [TAKEN, stored(), { held: undefined, clearedAt: 90 * S }, "where it was asked for after the sign-out"],
    [
      TAKEN,
      stored(),
      { held: undefined, clearedAt: 300 * S },
      "where the sign-out is of a clock set back since",
    ],
  ])("%s %#", (expected, record, more, why) => {
    expect(`${kind(recalled(record, more))} ${why}`).toBe(`${expected} ${why}`);
  });

  it("ignored where no better one is wanted", () => {
    expect(recalled(stored(), {}, false)).toBeUndefined();
  });

  it.each<[string, Stored, string]>([
    ["successor", stored({ identity: "bob", madeAt: 50_002 }), "whose manager was made later"],
    ["stranger", stored({ identity: "bob", madeAt: 50_001 }), "whose manager was made at the same time"],
    ["stranger", stored({ identity: "bob", madeAt: 1 }), "whose manager was made before"],
    ["stranger", stored({ identity: "bob", madeAt: 201 * S }), "whose manager is of the future"],
    ["stranger", stored({ identity: "bob", madeAt: 60 * S, exp: 200 }), "who is gone: the token is dead"],
    ["stranger", stored({ identity: undefined, madeAt: 1 }), "who has no name"],
  ])("a %s's, of another user %#", (expected, record, whose) => {
    for (const wanted of [true, false]) {
      expect(`${kind(recalled(record, {}, wanted))} ${whose}`).toBe(`${expected} ${whose}`);
    }
  });
});

describe("what changes with a stored token", () => {
  it("is the token, with its place in the jitter and its life from when it came", () => {
    const change = recalled(stored({ draw: 0.5, ahead: 20 * S }));
    expect(change).toMatchObject({
      held: { expiresAt: 400 * S, life: 280 * S, draw: 0.5, at: 100 * S, since: 90 * S, refused: false },
      askedAt: 200 * S,
      failures: 0,
    });
  });

  it("is that the source is well again", () => {
    const failing = { held: undefined, failures: 4, retryAt: 900 * S, callAt: 900 * S };
    const { retryAt = 0, callAt = 0, ...change } = recalled(stored(), failing) as Partial<State>;
    expect(change).toMatchObject({ failures: 0, forgiven: 4 });
    expect(Math.max(retryAt, callAt)).toBeLessThanOrEqual(200 * S);
  });

  it("is that it was asked just now: not again in the same second", () => {
    const { retryAt, callAt } = recalled(stored({ at: 199_600 })) as Partial<State>;
    expect([retryAt, callAt]).toEqual([200_600, 200_600]);
  });

  it("is not that refusals are forgotten", () => {
    const refused = { held: held({ refused: true }), failures: 4, retryAt: 900 * S };
    const change = recalled(stored(), refused);
    expect(change).not.toHaveProperty("failures");
    expect(change).not.toHaveProperty("retryAt");
  });

  it("is the end that only the endpoint knew, for an opaque token", () => {
    const opaque = stored({ token: "opaque", expiresAt: 500 * S });
    expect(recalled(opaque)).toMatchObject({ held: { expiresAt: 500 * S } });
    expect(recalled(stored({ token: "opaque" }))).toMatchObject({ held: { expiresAt: Infinity } });
  });
});

describe("a record", () => {
  it("is none where its token is none", () => {
    expect(readStored(null)).toBeUndefined();
    expect(readStored("garbage")).toBeUndefined();
    expect(stored({ token: "eyJ" })).toBeUndefined();
  });

  it("tells the time where it is of our user, and not of the future", () => {
    const tells = (more: Partial<TokenRecord>) => tellsTime(manager(), stored(more), 200 * S);
    expect(tells({})).toBe(true);
    expect(tells({ identity: "bob" })).toBe(false);
    expect(tells({ at: 201_001 })).toBe(false);
  });

  it("does no harm whatever its numbers are", () => {
    const odd = [0, -0, 1, -1, 2 ** 53, -(2 ** 53), 8.64e15, -8.64e15, 1e308, -1e308];
    for (const at of odd) {
      for (const ahead of odd) {
        for (const expiresAt of [undefined, ...odd]) {
          for (const madeAt of odd) {
            const record = stored({ token: "opaque", at, since: at, ahead, madeAt, expiresAt });
            const change = record && recalled(record, { held: undefined });
            if (typeof change !== "object") continue;
            const { refreshAt, usableUntil, expiresAt: ends } = change.held!;
            expect([refreshAt, usableUntil, ends, change.retryAt, change.callAt]).not.toContain(NaN);
            expect(ends === Infinity || ends <= 8.64e15).toBe(true);
            expect(refreshAt).toBeLessThanOrEqual(ends);
            // Nothing keeps the source from being asked for longer than a second.
            expect(change.callAt).toBeLessThanOrEqual(201 * S);
          }
        }
      }
    }
  });
});
