import { describe, expect, it } from "vitest";
import { adopt, isSame, type Received, receive } from "../../../src/core/adopt.js";
import type { State } from "../../../src/core/state.js";
import type { Answer } from "../../../src/source/source.js";
import { jwt } from "../../support/jwt.js";
import { after, held, state } from "./states.js";

const options = { refreshBefore: 60_000, minValidity: 10_000, refreshJitter: 0 };
const manager = (more: Partial<State> = {}) => ({ ...state({ askedAt: 0, ...more }), options });
/** The current token: it expires at 300 s. */
const old = held({ token: { value: jwt({ exp: 300 }) } });
const received = (answer: Answer): Received => receive(answer, 0, 0);
const token = (claims: object, expiresIn?: number) =>
  received({ token: jwt(claims), ...(expiresIn !== undefined && { expiresIn }) });
const opaque = (expiresIn?: number) =>
  received({ token: "opaque", ...(expiresIn !== undefined && { expiresIn }) });
/** The change by an answer, `seconds` after the start. */
const adopted = (answer: Received, seconds = 0, more: Partial<State> = { held: undefined }, random = 0) =>
  adopt(manager(more), answer, after(seconds), random);

describe("a new token is served", () => {
  it.each<[string, Received, number, object]>([
    [
      "until its exp, and refreshed refreshBefore it",
      token({ exp: 300 }),
      0,
      { refreshAt: 240_000, usableUntil: 290_000, expiresAt: 300_000, life: 300_000 },
    ],
    ["refreshed after half of a short lifetime at the latest", token({ exp: 20 }), 0, { refreshAt: 10_000 }],
    ["not below a quarter of a short lifetime", token({ exp: 20 }), 0, { usableUntil: 15_000 }],
    ["by its remaining lifetime", token({ exp: 300 }), 280, { refreshAt: 290_000, life: 20_000 }],
    ["by its exp, whatever expires_in says", token({ exp: 300 }, 1000), 0, { expiresAt: 300_000 }],
    ["by expires_in if it has no exp", token({}, 60_000), 0, { expiresAt: 60_000 }],
    ["by expires_in if it is opaque", opaque(60_000), 0, { expiresAt: 60_000 }],
    ["by expires_in, counted from the request", opaque(60_000), 7, { expiresAt: 60_000 }],
    ["for at least a second", opaque(300), 0, { expiresAt: 1000, life: 1000 }],
    ["for at least a second, with a thousandth left", opaque(1), 0, { expiresAt: 1000, life: 1000 }],
    ["forever without exp and expires_in", opaque(), 0, { expiresAt: Infinity, refreshAt: Infinity }],
    ["whatever its iat, which Cube ignores", token({ iat: 1e9, exp: 300 }), 0, { expiresAt: 300_000 }],
    ["from its nbf", token({ nbf: 0, exp: 300 }), 0, { expiresAt: 300_000 }],
    ["two seconds before its nbf: clocks differ", token({ nbf: 2, exp: 300 }), 0, { expiresAt: 300_000 }],
    ["empty if none is needed", received({ token: null }), 0, { token: { value: "" }, expiresAt: Infinity }],
  ])("%s", (_, answer, seconds, plan) => expect(adopted(answer, seconds).held).toMatchObject(plan));

  it.each<[string, Received, number, string]>([
    ["expired", token({ exp: 300 }), 300, "ERR_TOKEN_EXPIRED"],
    ["expired by expires_in on arrival", opaque(5000), 5, "ERR_TOKEN_EXPIRED"],
    ["without a lifetime", opaque(0), 0, "ERR_TOKEN_EXPIRED"],
    ["not valid yet", token({ nbf: 3, exp: 300 }), 0, "ERR_INVALID_TOKEN"],
    ["never valid", token({ nbf: 1, exp: 1 }), 0, "ERR_INVALID_TOKEN"],
  ])("and not one that is %s", (_, answer, seconds, code) => {
    expect(() => adopted(answer, seconds)).toThrow(expect.objectContaining({ code }));
  });
});

describe("the current token, repeated", () => {
  const again = token({ exp: 300 });

  it("is distinguished from another", () => {
    expect(isSame({ held: old }, again)).toBe(true);
    expect(isSame({ held: old }, token({ exp: 301 }))).toBe(false);
    expect(isSame({ held: undefined }, again)).toBe(false);
  });

  it("changes nothing; the source is asked again after half of the remaining lifetime, at least a second", () => {
    const at = (seconds: number) => adopted(again, seconds, { held: old });
    expect(at(100)).toEqual({ retryAt: 200_000, callAt: 200_000 });
    expect(at(299.5)).toEqual({ retryAt: 300_500, callAt: 300_500 });
  });

  it("is an error once it has expired", () => {
    expect(() => adopted(again, 300, { held: old })).toThrow(
      expect.objectContaining({ code: "ERR_TOKEN_EXPIRED" }),
    );
  });

  it("is served again if Cube refused it, which counts as another failure", () => {
    const refused = { held: { ...old, refused: true }, failures: 3 };
    expect(adopted(again, 100, refused)).toMatchObject({ failures: 4, held: { refused: false } });
    expect(adopted(token({ exp: 301 }), 100, refused)).toMatchObject({ failures: 3 });
  });

  it("counts as new with a longer expires_in", () => {
    const held300 = { held: held({ token: { value: "opaque" } }) };
    expect(adopted(opaque(400_000), 0, held300).held?.expiresAt).toBe(400_000);
  });
});

describe("a source that answers", () => {
  it("is asked again a second after the last request at the earliest", () => {
    const second = { retryAt: 8000, callAt: 8000 };
    expect(adopted(token({ exp: 300 }), 9, { held: undefined, askedAt: 7000 })).toMatchObject(second);
    const failing = { held: undefined, askedAt: 7000, retryAt: 50_000, callAt: 50_000, failures: 4 };
    expect(adopted(token({ exp: 300 }), 9, failing)).toMatchObject({
      ...second,
      failures: 0,
      forgiven: 4,
    });
  });
});

describe("the place in the jitter", () => {
  it.each<[string, Partial<State>, number]>([
    ["up to 1", { held: old }, 0.5],
    ["up to 2 for the first token", { held: undefined }, 1],
    ["up to 2 for the first after a failure", { held: old, failures: 1 }, 1],
  ])("%s", (_, more, draw) => {
    expect(adopted(token({ exp: 600 }), 0, more, 0.5).held?.draw).toBe(draw);
  });
});

describe("the times of an answer", () => {
  it.each<[string, Received, object]>([
    ["iat, nbf and exp", token({ iat: 5, nbf: 6, exp: 7 }), { iat: 5000, nbf: 6000, exp: 7000 }],
    ["expires_in in place of iat", token({ exp: 300 }, 60_000), { iat: 240_000, exp: 300_000 }],
    ["expires_in in place of an impossible iat", token({ iat: 1e6, exp: 300 }, 60_000), { iat: 240_000 }],
    ["iat, which takes precedence over expires_in", token({ iat: 1, exp: 300 }, 60_000), { iat: 1000 }],
    ["nothing, of an opaque token", opaque(60_000), { iat: NaN, nbf: undefined, exp: undefined }],
  ])("%s", (_, { claims }, expected) => expect(claims).toMatchObject(expected));

  it("and a mark that identifies the token", () => {
    const [one, again, other] = ["one", "one", "other"].map(
      (value) => received({ token: value }).claims.mark,
    );
    expect(one).toBe(again);
    expect(one).not.toBe(other);
  });

  it("with the times of its request and arrival", () => {
    const { since, at } = adopt(manager(), receive({ token: "opaque" }, 5, 9), after(0), 0).held!;
    expect([since, at]).toEqual([5, 9]);
  });

  it("is no answer without a token", () => {
    expect(() => received({ token: "eyJ" })).toThrow(expect.objectContaining({ code: "ERR_INVALID_TOKEN" }));
  });
});
