import { describe, expect, it } from "vitest";
import { estimate, issuedAt, type Witnesses } from "../../../src/core/witnesses.js";

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The true time at the server. All instants below are told from here, in ms. */
const TRUE = Date.UTC(2026, 2, 1, 12);
const LIFE = 5 * MINUTE;

interface Cell {
  /** What each says. */
  local?: number;
  awake?: number;
  wall?: number;
  date?: number | undefined;
  age?: number;
  /** `null`: the token has none. */
  iat?: number | null;
  nbf?: number | undefined;
  exp?: number;
  same?: boolean;
  proven?: boolean;
  certain?: boolean;
  /** The token before, and how long ago it came. */
  previous?: { iat?: number; exp: number; now?: number; date?: number; mark?: number };
  mark?: number;
  since?: number;
}

const witnesses = (cell: Cell): Witnesses => {
  const { local = 0, date, age = 0, iat = 0, nbf, previous, since = 0, mark = 1, ...flags } = cell;
  const { awake = local, wall = local, exp = (iat ?? 0) + LIFE, ...others } = flags;
  const at = (offset: number | undefined) => (offset === undefined ? undefined : TRUE + offset);
  return {
    same: false,
    proven: true,
    certain: false,
    ...others,
    now: TRUE + local,
    awake: TRUE + awake,
    wall: TRUE + wall,
    date: date === undefined ? undefined : { earliest: TRUE + date - 500, latest: TRUE + date + 500, age },
    claims: { iat: at(iat ?? undefined), nbf: at(nbf), exp: at(exp), mark },
    previous: previous && {
      mark: previous.mark ?? 0,
      iat: at(previous.iat),
      exp: TRUE + previous.exp,
      now: TRUE + (previous.now ?? -since),
      stamp: TRUE + (previous.date ?? NaN) - 500,
    },
    since,
  };
};

/** The estimate for a cell, told from the true time. */
const told = (cell: Cell) => estimate(witnesses(cell)).now - TRUE;

const table = (cells: readonly (readonly [situation: string, cell: Cell, expected: number])[]) =>
  it.each(cells)("%s", (_, cell, expected) => expect(told(cell)).toBe(expected));

describe("two that agree outvote the third", () => {
  table([
    ["all right: nothing to learn", { date: 0 }, 0],
    ["local clock an hour fast", { local: HOUR, date: 0 }, 0],
    ["local clock an hour slow", { local: -HOUR, date: 0 }, 0],
    ["local clock a day off, and the token says nothing", { local: DAY, date: 0, iat: null }, 0],
    ["Date ten minutes ahead", { date: 10 * MINUTE }, 0],
    ["Date an hour ahead", { date: HOUR }, 0],
    ["Date an hour behind", { date: -HOUR }, 0],
    ["iat an hour ahead: Date and local clock", { date: 0, iat: HOUR }, 0],
    ["iat an hour ago: Date and local clock", { date: 0, iat: -HOUR, exp: MINUTE }, 0],
    ["Date and local clock wrong in the same way", { date: HOUR, local: HOUR }, HOUR],
    ["within 30 s, however short the life", { local: 29 * SECOND, date: 29 * SECOND, exp: 20_000 }, 29_000],
    [
      "within a quarter of a long life Date is the better clock",
      { local: 30 * MINUTE, date: 0, exp: 2 * HOUR },
      0,
    ],
    ["a short life tells Date and local clock apart at less than 30 s", { date: 15_000, exp: 20_000 }, 0],
    ["not yet issued by Date, within a quarter: nobody signs in the future", { date: -40_000 }, 500],
    ["dead by Date, and alive by a clock that agrees with it", { date: 20_000, iat: null, exp: 10_000 }, 0],
  ]);
});

describe("none agree: Date, unless the token would be dead or not yet issued, else iat", () => {
  table([
    ["Date, within the token's life", { local: DAY, date: 0, iat: -2 * MINUTE }, 0],
    ["Date, where the token has no iat", { local: -DAY, date: 0, iat: null }, 0],
    ["dead under Date: iat", { local: DAY, date: HOUR }, 500],
    ["not yet issued under Date: iat", { local: DAY, date: -HOUR }, 500],
    ["dead under Date, no iat: the local clock", { date: HOUR, iat: null }, 0],
    ["Date of 1970, no iat: the local clock", { date: -TRUE, iat: null }, 0],
    ["a local clock of 1970, no iat: Date", { local: -TRUE, date: 0, iat: null }, 0],
  ]);
});

describe("Age", () => {
  const old = { date: -200_000, age: 200_000, iat: -200_000 };
  table([
    ["an answer that a cache has kept", old, 0],
    ["the same with a wrong local clock", { ...old, local: DAY }, 0],
    ["a cache that renews Date", { date: 0, age: 200_000, iat: -200_000 }, 0],
    ["the same with a wrong local clock", { date: 0, age: 200_000, iat: -200_000, local: -DAY }, 0],
    ["a cache that renews Date, a little old", { date: 0, age: 50_000, iat: -50_000 }, 0],
    ["longer than the token lives: made up", { date: 0, age: HOUR }, 0],
    ["the same with a wrong local clock", { date: 0, age: HOUR, local: DAY }, 0],
  ]);
});

describe("without Date", () => {
  table([
    ["iat in the future: the clock is slow", { local: -HOUR }, 500],
    ["dead on arrival: the clock is fast", { local: LIFE }, 500],
    ["alive by a millisecond: perhaps a cache", { local: LIFE - 1 }, LIFE - 1],
    ["no iat: nothing to go by but the local clock", { local: DAY, iat: null }, DAY],
    ["no iat, nbf in the future: the clock is slow", { local: -HOUR, iat: null, nbf: 0 }, 500],
    ["nbf further off than clocks are", { iat: null, nbf: 3 * DAY, exp: 4 * DAY }, 0],
    ["iat in milliseconds: no witness", { iat: TRUE * 1000 - TRUE, exp: LIFE }, 0],
    ["iat past exp: no witness", { iat: HOUR, exp: LIFE }, 0],
    ["a token without end", { exp: Infinity }, 0],
  ]);
});

describe("issuers that date back, and endpoints that cache", () => {
  const back = (age: number, cell: Cell = {}): Cell => ({ iat: -age, exp: LIFE - age, ...cell });
  const steadily = (age: number, cell: Cell = {}): Cell =>
    back(age, { previous: { iat: -age - HOUR, exp: LIFE - age - HOUR }, since: HOUR, ...cell });
  table([
    ["a fifth of the life", back(60_000), 0],
    ["half of the life", back(150_000), 0],
    ["half of the life, once more", steadily(150_000), 0],
    ["half of the life, in whole seconds", steadily(150_999), 0],
    ["more than half: perhaps a cache", back(200_000), 0],
    ["more than half, once more: the clock is wrong", steadily(200_000), -200_000 + LIFE / 5],
    [
      "a second and a half younger than the one before: a cache",
      steadily(200_000, { since: HOUR - 1500 }),
      0,
    ],
    ["a second and a half older", steadily(200_000, { since: HOUR + 1500 }), 0],
    ["with Date at half of the life", back(150_000, { date: 0, local: DAY }), 0],
  ]);
});

describe("the same token once more says nothing", () => {
  const again: Cell = { iat: -HOUR, exp: LIFE - HOUR, same: true };
  const previous = { iat: -HOUR, exp: LIFE - HOUR };
  table([
    ["dead", again, 0],
    ["dead, and not held any more", { ...again, same: false, previous: { ...previous, mark: 1 } }, 0],
    ["after a sleep", { ...again, awake: -HOUR }, 0],
    [
      "with the Date of now, on a clock that somebody set",
      {
        iat: -MINUTE,
        exp: MINUTE,
        same: true,
        local: DAY,
        awake: 0,
        date: 0,
        previous: { exp: MINUTE, date: -MINUTE },
      },
      0,
    ],
    ["with the Date of then", { ...again, date: -HOUR, previous: { ...previous, date: -HOUR } }, 0],
    [
      "with the Date of then and the Age of now",
      { ...again, date: -HOUR, age: HOUR, previous: { ...previous, date: -HOUR } },
      0,
    ],
  ]);
});

describe("a clock that jumps", () => {
  table([
    ["ahead: the token agrees with the time without it", { local: DAY, awake: 0 }, 0],
    ["ahead, and Date does", { local: DAY, awake: 0, date: 0, iat: null }, 0],
    ["ahead, and the token has no iat: it is alive without", { local: DAY, awake: 0, iat: null }, 0],
    ["a sleep: the token is new", { awake: -DAY }, 0],
    ["a sleep: the token has no iat", { awake: -HOUR, iat: null }, 0],
    ["a day ahead and back", { local: DAY, awake: DAY, wall: 0, iat: null }, 0],
  ]);
});

describe("what was known before", () => {
  const dead: Cell = { iat: -10 * MINUTE, exp: -MINUTE };
  const before = { iat: -8 * MINUTE, exp: HOUR };
  table([
    ["a token that is dead by a Date before is dead", { ...dead, certain: true }, 0],
    ["one that is dead by an earlier token is dead", { ...dead, previous: before, since: 8 * MINUTE }, 0],
    [
      "one that an earlier token leaves a moment is alive at it",
      { ...dead, previous: before, since: 6 * MINUTE },
      -2 * MINUTE,
    ],
    [
      "a Date that was alone does not agree with itself",
      { local: HOUR, wall: 0, date: HOUR, proven: false },
      0,
    ],
  ]);

  it("keeps an estimate that is within a second of Date", () => {
    expect(told({ local: 500, date: 0 })).toBe(500);
    expect(told({ local: 501, date: 0 })).toBe(0);
    expect(told({ local: -500, date: 0, iat: -SECOND })).toBe(-500);
  });

  it("is proven by two that agree, and certain by Date", () => {
    expect(estimate(witnesses({ date: 0 }))).toMatchObject({ proven: true, certain: true });
    expect(estimate(witnesses({ date: HOUR }))).toMatchObject({ proven: true, certain: false });
    expect(estimate(witnesses({ local: DAY, date: 0, iat: null }))).toMatchObject({
      proven: false,
      certain: true,
    });
    expect(estimate(witnesses({ local: DAY }))).toMatchObject({ proven: false, certain: false });
  });
});

it("is a time whatever the numbers are", () => {
  const odd = [0, 1, -1, 2 ** 53, -(2 ** 53), 8.64e15 - TRUE, -TRUE, 1e300, -1e300];
  let cells = 0;
  for (const date of [undefined, ...odd]) {
    for (const iat of [null, ...odd]) {
      for (const exp of [...odd, Infinity]) {
        for (const nbf of [undefined, 0, 1e300]) {
          for (const age of [0, 31_536_000_000]) {
            const now = told({ date, iat, exp, nbf, age });
            expect(Number.isNaN(now)).toBe(false);
            cells++;
          }
        }
      }
    }
  }
  expect(cells).toBe(6000);
});

it("a token is issued before its end, in seconds", () => {
  expect(issuedAt({ iat: 5, exp: 6 })).toBe(5);
  expect(issuedAt({ iat: 5 })).toBe(5);
  for (const claims of [{ exp: 6 }, { iat: 6, exp: 6 }, { iat: 7, exp: 6 }, { iat: 1e14, exp: 1e15 }]) {
    expect(issuedAt(claims)).toBeNaN();
  }
});
