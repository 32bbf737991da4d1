import { describe, expect, it } from "vitest";
import { estimate, issuedAt, type Witnesses } from "../../../src/core/witnesses.js";

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The true time at the server. All instants below are relative to it, in ms. */
const TRUE = Date.UTC(2026, 2, 1, 12);
const LIFE = 5 * MINUTE;

interface Cell {
  /** The time of each witness. */
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
  /** The previous token, and how long ago it arrived. */
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

/** The estimate for a cell, relative to the true time. */
const told = (cell: Cell) => estimate(witnesses(cell)).now - TRUE;

const table = (cells: readonly (readonly [situation: string, cell: Cell, expected: number])[]) =>
  it.each(cells)("%s", (_, cell, expected) => expect(told(cell)).toBe(expected));

describe("two that agree outvote the third", () => {
  table([
    ["all correct: nothing to learn", { date: 0 }, 0],
    ["local clock an hour fast", { local: HOUR, date: 0 }, 0],
    ["local clock an hour slow", { local: -HOUR, date: 0 }, 0],
    ["local clock a day off, and the token has no time", { local: DAY, date: 0, iat: null }, 0],
    ["Date ten minutes ahead", { date: 10 * MINUTE }, 0],
    ["Date an hour ahead", { date: HOUR }, 0],
    ["Date an hour behind", { date: -HOUR }, 0],
    ["iat an hour ahead: Date and local clock", { date: 0, iat: HOUR }, 0],
    ["iat an hour ago: Date and local clock", { date: 0, iat: -HOUR, exp: MINUTE }, 0],
    ["Date and local clock wrong by the same amount", { date: HOUR, local: HOUR }, HOUR],
    [
      "within 30 s, however short the lifetime",
      { local: 29 * SECOND, date: 29 * SECOND, exp: 20_000 },
      29_000,
    ],
    [
      "within a quarter of a long lifetime, Date is the better clock",
      { local: 30 * MINUTE, date: 0, exp: 2 * HOUR },
      0,
    ],
    [
      "with a short lifetime, Date and local clock disagree at less than 30 s",
      { date: 15_000, exp: 20_000 },
      0,
    ],
    ["not yet issued by Date, within a quarter: no token is signed in the future", { date: -40_000 }, 500],
    [
      "expired by Date, and valid by a clock that agrees with it",
      { date: 20_000, iat: null, exp: 10_000 },
      0,
    ],
  ]);
});

describe("none agree: Date, unless the token would be expired or not yet issued, otherwise iat", () => {
  table([
    ["Date, within the token's lifetime", { local: DAY, date: 0, iat: -2 * MINUTE }, 0],
    ["Date, if the token has no iat", { local: -DAY, date: 0, iat: null }, 0],
    ["expired by Date: iat", { local: DAY, date: HOUR }, 500],
    ["not yet issued by Date: iat", { local: DAY, date: -HOUR }, 500],
    ["expired by Date, no iat: the local clock", { date: HOUR, iat: null }, 0],
    ["Date of 1970, no iat: the local clock", { date: -TRUE, iat: null }, 0],
    ["dead under both, no iat: Date", { date: HOUR, local: DAY, iat: null }, HOUR],
    ["dead under all, no iat and no Date: as before", { local: DAY, wall: 2 * DAY, iat: null }, DAY],
    ["a local clock of 1970, no iat: Date", { local: -TRUE, date: 0, iat: null }, 0],
  ]);
});

describe("Age", () => {
  const old = { date: -200_000, age: 200_000, iat: -200_000 };
  table([
    ["an answer from a cache", old, 0],
    ["the same with a wrong local clock", { ...old, local: DAY }, 0],
    ["a cache that renews Date", { date: 0, age: 200_000, iat: -200_000 }, 0],
    ["the same with a wrong local clock", { date: 0, age: 200_000, iat: -200_000, local: -DAY }, 0],
    ["a cache that renews Date, a little old", { date: 0, age: 50_000, iat: -50_000 }, 0],
    ["longer than the token's lifetime: made up", { date: 0, age: HOUR }, 0],
    ["the same with a wrong local clock", { date: 0, age: HOUR, local: DAY }, 0],
  ]);
});

describe("without Date", () => {
  table([
    ["iat in the future: the clock is slow", { local: -HOUR }, 500],
    ["expired on arrival: the clock is fast", { local: LIFE }, 500],
    ["expired on arrival, however short its lifetime", { local: 20_000, exp: 20_000 }, 500],
    ["valid for one more millisecond: possibly a cache", { local: LIFE - 1 }, LIFE - 1],
    ["no iat: only the local clock is left", { local: DAY, iat: null }, DAY],
    ["no iat, nbf in the future: the clock is slow", { local: -HOUR, iat: null, nbf: 0 }, 500],
    ["nbf further off than any clock", { iat: null, nbf: 3 * DAY, exp: 4 * DAY }, 0],
    ["iat in milliseconds: ignored", { iat: TRUE * 1000 - TRUE, exp: LIFE }, 0],
    ["iat past exp: ignored", { iat: HOUR, exp: LIFE }, 0],
    ["a token without expiry", { exp: Infinity }, 0],
  ]);
});

describe("issuers that backdate, and endpoints that cache", () => {
  const back = (age: number, cell: Cell = {}): Cell => ({ iat: -age, exp: LIFE - age, ...cell });
  const steadily = (age: number, cell: Cell = {}): Cell =>
    back(age, { previous: { iat: -age - HOUR, exp: LIFE - age - HOUR }, since: HOUR, ...cell });
  table([
    ["a fifth of the lifetime", back(60_000), 0],
    ["half of the lifetime", back(150_000), 0],
    ["half of the lifetime, repeatedly", steadily(150_000), 0],
    ["half of the lifetime, in whole seconds", steadily(150_999), 0],
    ["more than half: possibly a cache", back(200_000), 0],
    ["more than half, repeatedly: the clock is wrong", steadily(200_000), -200_000 + LIFE / 5],
    [
      "a second and a half younger than the previous one: a cache",
      steadily(200_000, { since: HOUR - 1500 }),
      0,
    ],
    ["a second and a half older", steadily(200_000, { since: HOUR + 1500 }), 0],
    ["dead on arrival, of the very age of the one before", steadily(0, { local: LIFE }), 500],
    ["with Date at half of the lifetime", back(150_000, { date: 0, local: DAY }), 0],
  ]);
});

describe("a repeated token reveals nothing", () => {
  const again: Cell = { iat: -HOUR, exp: LIFE - HOUR, same: true };
  const previous = { iat: -HOUR, exp: LIFE - HOUR };
  const set: Cell = { iat: -MINUTE, exp: MINUTE, same: true, local: DAY, awake: 0 };
  table([
    ["expired", again, 0],
    ["expired, and no longer current", { ...again, same: false, previous: { ...previous, mark: 1 } }, 0],
    ["after a sleep", { ...again, awake: -HOUR }, 0],
    [
      "with a current Date, on a clock that was set",
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
    ["with an old Date", { ...again, date: -HOUR, previous: { ...previous, date: -HOUR } }, 0],
    ["with a Date half a minute off, on a clock that somebody set", { ...set, date: 30_500 }, 0],
    ["with a Date further off, on a clock that somebody set", { ...set, date: 30_501 }, DAY],
    [
      "with the Date of then, which a cache has kept, on a clock that somebody set",
      { ...set, date: -10_000, previous: { ...previous, date: -10_000 } },
      DAY,
    ],
    [
      "with the Date of then and the Age of now, on a clock that somebody set",
      { ...set, date: -HOUR, age: HOUR, previous: { ...previous, date: -HOUR } },
      0,
    ],
    ["with a Date that agrees with neither clock", { ...set, local: 0, awake: -DAY, date: HOUR }, 0],
    ["with a Date that agrees with both", { ...set, local: 0, awake: 10_000, date: 5500 }, 0],
    [
      "with a Date half a minute off the clock as it is",
      { ...set, local: 0, awake: 10_000, date: 30_500 },
      0,
    ],
    [
      "with an old Date and a current Age",
      { ...again, date: -HOUR, age: HOUR, previous: { ...previous, date: -HOUR } },
      0,
    ],
  ]);
});

describe("a clock that jumps", () => {
  table([
    ["ahead: the token agrees with the time before the jump", { local: DAY, awake: 0 }, 0],
    ["ahead: Date agrees with the time before the jump", { local: DAY, awake: 0, date: 0, iat: null }, 0],
    ["ahead, and the token has no iat: valid without the jump", { local: DAY, awake: 0, iat: null }, 0],
    ["a sleep: the token is new", { awake: -DAY }, 0],
    ["a sleep: the token has no iat", { awake: -HOUR, iat: null }, 0],
    ["a day ahead and back", { local: DAY, awake: DAY, wall: 0, iat: null }, 0],
    [
      "a day ahead and back, to before an earlier token",
      { local: DAY, wall: 0, iat: null, previous: { iat: HOUR, exp: 2 * HOUR, now: HOUR } },
      DAY,
    ],
    ["set back: the token shows it", { local: -HOUR, awake: 0 }, 500],
  ]);
});

describe("earlier knowledge", () => {
  const dead: Cell = { iat: -10 * MINUTE, exp: -MINUTE };
  const before = { iat: -8 * MINUTE, exp: HOUR };
  table([
    ["a token expired by an earlier Date is expired", { ...dead, certain: true }, 0],
    ["a token expired by an earlier token is expired", { ...dead, previous: before, since: 8 * MINUTE }, 0],
    [
      "a token that an earlier token leaves some time is valid",
      { ...dead, previous: before, since: 6 * MINUTE },
      -2 * MINUTE,
    ],
    [
      "a Date that was the only witness does not confirm itself",
      { local: HOUR, wall: 0, date: HOUR, proven: false },
      0,
    ],
  ]);

  it("keeps an estimate within a second of Date", () => {
    expect(told({ local: 500, date: 0 })).toBe(500);
    expect(told({ local: 501, date: 0 })).toBe(0);
    expect(told({ local: -500, date: 0, iat: -SECOND })).toBe(-500);
    const old: Cell = { date: -HOUR, age: HOUR, iat: -HOUR, exp: LIFE };
    expect(told({ ...old, local: 500 })).toBe(500);
    expect(told({ ...old, local: 501 })).toBe(0);
    expect(told({ ...old, local: -500 })).toBe(-500);
    expect(told({ ...old, local: -501 })).toBe(0);
  });

  it.each<[string, Cell, boolean, boolean]>([
    ["Date and the local clock, or iat", { date: 0 }, true, true],
    ["iat and the local clock", { date: HOUR }, true, false],
    ["the same, of a clock that was in doubt", { proven: false }, true, false],
    ["iat and the estimate, of a clock that was in doubt", { proven: false, wall: HOUR }, true, false],
    ["Date and iat", { date: 0, local: DAY }, true, true],
    ["the same, whatever a cache makes up", { date: 0, local: DAY, age: HOUR }, true, true],
    [
      "Date and iat, both of them old",
      { date: -200_000, age: 200_000, iat: -200_000, local: DAY },
      true,
      true,
    ],
    ["Date alone", { local: DAY, date: 0, iat: null }, false, true],
    ["Date alone, though it has the token dead", { date: HOUR, local: DAY, iat: null }, false, true],
    [
      "Date on a clock that was set, and no new token",
      { same: true, local: DAY, awake: 0, date: 0 },
      true,
      true,
    ],
    ["iat alone", { local: DAY }, false, false],
    ["nbf alone", { local: -HOUR, iat: null, nbf: 0 }, false, false],
    ["the local clock, back from a jump", { proven: false, local: DAY, wall: 0, iat: null }, true, false],
    [
      "nothing but what was known before",
      { iat: -10 * MINUTE, exp: -MINUTE, previous: { iat: -8 * MINUTE, exp: HOUR }, since: 8 * MINUTE },
      true,
      false,
    ],
  ])("by %s", (_, cell, proven, certain) => {
    expect(estimate(witnesses(cell))).toMatchObject({ proven, certain });
  });
});

it("the estimate is a time, whatever the numbers", () => {
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

it("an iat counts only before the exp, in seconds", () => {
  expect(issuedAt({ iat: 5, exp: 6 })).toBe(5);
  expect(issuedAt({ iat: 5 })).toBe(5);
  for (const claims of [{ exp: 6 }, { iat: 6, exp: 6 }, { iat: 7, exp: 6 }, { iat: 1e14, exp: 1e15 }]) {
    expect(issuedAt(claims)).toBeNaN();
  }
});
