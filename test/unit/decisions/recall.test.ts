import { describe, expect, it } from "vitest";
import type { State } from "../../../src/core/state.js";
import { type TokenRecord, writeRecord } from "../../../src/storage/record.js";
import { readStored, recall, type Stored, tellsTime } from "../../../src/tabs/recall.js";
import { jwt } from "../../support/jwt.js";
import { after, held, state } from "./states.js";

const S = 1000;
const options = { refreshBefore: 60_000, minValidity: 10_000, refreshJitter: 0, identity: "ada" };
/** Created at 50 s, it holds a token until 300 s. */
const manager = (more: Partial<State> = {}) => ({ ...state(more), options, madeAt: 50 * S });

/** A token until 400 s, requested at 90 s and stored at 100 s by a manager created at 10 s. */
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

/** How the record is classified at 200 s on every clock. */
const recalled = (record: Stored, more: Partial<State> = {}, wanted = true, wall = 200 * S) =>
  recall(manager(more), record, after(200), wall, wanted);

const old = held({ token: { value: jwt({ exp: 300 }) } });
const TAKEN = "taken over";
const kind = (result: ReturnType<typeof recall>) =>
  typeof result === "object" ? TAKEN : (result ?? "ignored");

describe("a stored token is", () => {
  it.each<[string, Stored, Partial<State>, string]>([
    [TAKEN, stored(), { held: undefined }, "if there is none"],
    [TAKEN, stored(), {}, "if it expires later than the current one"],
    ["ignored", stored({ exp: 299 }), {}, "if the current one expires later"],
    [TAKEN, stored({ exp: 300 }), {}, "of two with the same expiry, if it arrived later"],
    [
      "ignored",
      stored({ exp: 300, at: 0 }),
      { held: held({ at: 1 }) },
      "of two with the same expiry, if it arrived earlier",
    ],
    [TAKEN, stored({ exp: 250 }), { held: held({ refused: true }) }, "if Cube refused the current one"],
    ["ignored", stored({ exp: 300 }), { held: old }, "if it is the current one"],
    [
      TAKEN,
      stored({ exp: 300 }),
      { held: { ...old, refused: true } },
      "if it is the refused one, received again since",
    ],
    [
      "ignored",
      stored({ exp: 300, at: 0 }),
      { held: { ...old, refused: true } },
      "if it is the refused one, received before",
    ],
    ["ignored", stored({ exp: 200 }), { held: undefined }, "once it has expired"],
    ["ignored", stored({ at: 202 * S }), {}, "if it is from the future: the clock was set back"],
    [TAKEN, stored({ at: 201 * S, since: 201 * S }), {}, "if clocks differ by a second"],
    ["ignored", stored(), { held: undefined, clearedAt: 95 * S }, "if it was requested before the sign-out"],
    [TAKEN, stored(), { held: undefined, clearedAt: 90 * S }, "if it was requested after the sign-out"],
    [
      TAKEN,
      stored(),
      { held: undefined, clearedAt: 300 * S },
      "if the clock was set back after the sign-out",
    ],
  ])("%s %#", (expected, record, more, why) => {
    expect(`${kind(recalled(record, more))} ${why}`).toBe(`${expected} ${why}`);
  });

  it("ignored if no better one is wanted", () => {
    expect(recalled(stored(), {}, false)).toBeUndefined();
  });

  it.each<[string, Stored, string]>([
    ["successor", stored({ identity: "bob", madeAt: 50_002 }), "whose manager was created later"],
    ["stranger", stored({ identity: "bob", madeAt: 50_001 }), "whose manager was created at the same time"],
    ["stranger", stored({ identity: "bob", madeAt: 1 }), "whose manager was created earlier"],
    ["stranger", stored({ identity: "bob", madeAt: 201 * S }), "whose manager is from the future"],
    ["stranger", stored({ identity: "bob", madeAt: 60 * S, exp: 200 }), "whose token has expired"],
    ["stranger", stored({ identity: undefined, madeAt: 1 }), "without an identity"],
  ])("a %s's, of another user %#", (expected, record, whose) => {
    for (const wanted of [true, false]) {
      expect(`${kind(recalled(record, {}, wanted))} ${whose}`).toBe(`${expected} ${whose}`);
    }
  });
});

describe("the change by a stored token", () => {
  it("sets the token, with its place in the jitter and its lifetime from its arrival", () => {
    const change = recalled(stored({ draw: 0.5, ahead: 20 * S }));
    expect(change).toMatchObject({
      held: { expiresAt: 400 * S, life: 280 * S, draw: 0.5, at: 100 * S, since: 90 * S, refused: false },
      askedAt: 200 * S,
      failures: 0,
    });
  });

  it("marks the source as recovered", () => {
    const failing = { held: undefined, failures: 4, retryAt: 900 * S, callAt: 900 * S };
    const { retryAt = 0, callAt = 0, ...change } = recalled(stored(), failing) as Partial<State>;
    expect(change).toMatchObject({ failures: 0, forgiven: 4 });
    expect(Math.max(retryAt, callAt)).toBeLessThanOrEqual(200 * S);
  });

  it("marks the source as just asked: not again in the same second", () => {
    const { retryAt, callAt } = recalled(stored({ at: 199_600 })) as Partial<State>;
    expect([retryAt, callAt]).toEqual([200_600, 200_600]);
  });

  it("does not reset refusals", () => {
    const refused = { held: held({ refused: true }), failures: 4, retryAt: 900 * S };
    const change = recalled(stored(), refused);
    expect(change).not.toHaveProperty("failures");
    expect(change).not.toHaveProperty("retryAt");
  });

  it("sets the expiry of an opaque token, which only the endpoint knew", () => {
    const opaque = stored({ token: "opaque", expiresAt: 500 * S });
    expect(recalled(opaque)).toMatchObject({ held: { expiresAt: 500 * S } });
    expect(recalled(stored({ token: "opaque" }))).toMatchObject({ held: { expiresAt: Infinity } });
  });
});

describe("a record", () => {
  it("is ignored if its token is invalid", () => {
    expect(readStored(null)).toBeUndefined();
    expect(readStored("garbage")).toBeUndefined();
    expect(stored({ token: "eyJ" })).toBeUndefined();
  });

  it("counts as a witness if it is of the same user, and not from the future", () => {
    const tells = (more: Partial<TokenRecord>) => tellsTime(manager(), stored(more), 200 * S);
    expect(tells({})).toBe(true);
    expect(tells({ identity: "bob" })).toBe(false);
    expect(tells({ at: 201_001 })).toBe(false);
  });

  it("does no harm, whatever its numbers", () => {
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
            // The source may be asked within a second.
            expect(change.callAt).toBeLessThanOrEqual(201 * S);
          }
        }
      }
    }
  });
});
