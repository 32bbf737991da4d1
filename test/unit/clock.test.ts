import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../src/core/clock.js";

let wall: number;
let mono: number;
let clock: Clock;

beforeEach(() => {
  wall = 1_000_000_000;
  mono = 50_000_000;
  clock = new Clock(
    () => wall,
    () => mono,
  );
});

const pass = (duration: number) => {
  wall += duration;
  mono += duration;
};
/** A token whose times are relative to this instant (ms). */
const token = (iat: number, life = 300_000) => ({ iat, exp: iat + life });

describe("elapsed time", () => {
  it("is the larger of wall and monotonic time", () => {
    pass(500);
    expect(clock.elapsed()).toBe(500);
    wall += 8_000_000; // it slept
    expect(clock.elapsed()).toBe(8_000_500);
    wall -= 9_000_000; // somebody set the clock back
    expect(clock.elapsed()).toBe(8_000_500);
    pass(300);
    expect(clock.elapsed()).toBe(8_000_800);
  });

  it("detects a sleep after the clock was set back", () => {
    wall -= 3_600_000;
    expect(clock.elapsed()).toBe(0);
    wall += 60_000;
    expect(clock.elapsed()).toBe(60_000);
  });

  it("treats a difference of up to a second as drift, and resynchronizes beyond that", () => {
    wall += 1000;
    expect(clock.elapsed()).toBe(1000);
    // Drift: the monotonic clock catches up first.
    mono += 1000;
    expect(clock.elapsed()).toBe(1000);
    wall += 1001;
    expect(clock.elapsed()).toBe(2001);
    mono += 1001;
    expect(clock.elapsed()).toBe(3002);
    // No matter how long that took.
    pass(5000);
    wall += 500;
    expect(clock.elapsed()).toBe(8502);
    mono += 500;
    expect(clock.elapsed()).toBe(8502);
  });
});

/** A `Date` header by which this is the server's time. */
const dated = (now: number) => ({ earliest: now - 500, latest: now + 500, age: 0 });

describe("the time learned from an answer", () => {
  it("advances with the clock", () => {
    clock.learn(token(wall + 3_600_000), dated(wall + 3_600_000), false);
    expect(clock.now()).toBe(wall + 3_600_000);
    expect(clock.ahead()).toBe(3_600_000);
    expect(clock.elapsed()).toBe(0);
    pass(5000);
    expect(clock.read()).toEqual({ now: wall + 3_600_000, elapsed: 5000 });
  });

  it("is itself a witness if two witnesses agreed on it", () => {
    clock.learn(token(wall + 3_600_000), dated(wall + 3_600_000), false);
    pass(100_000);
    // Now one of the two is wrong.
    clock.learn(token(wall + 3_600_000), dated(wall), false);
    expect(clock.now()).toBe(wall + 3_600_000);
    pass(100_000);
    clock.learn(token(wall), dated(wall + 3_600_000), false);
    expect(clock.now()).toBe(wall + 3_600_000);
  });

  it("is no witness if Date was the only one", () => {
    clock.learn({}, dated(wall + 3_600_000), false);
    expect(clock.now()).toBe(wall + 3_600_000);
    pass(1000);
    clock.learn(token(wall), dated(wall + 3_600_000), false);
    expect(clock.now()).toBe(wall);
  });

  it("outweighs tokens that look expired, if it came from a Date", () => {
    clock.learn(token(wall), dated(wall), false);
    pass(1_000_000);
    clock.learn(token(wall - 400_000), undefined, false);
    expect(clock.now()).toBe(wall);
  });

  it("no longer counts after a jump forward, as the clock may have been set", () => {
    const now = wall;
    clock.learn(token(wall), dated(wall), false);
    wall += 3_600_000;
    clock.elapsed();
    clock.learn(token(now + 1000), undefined, false);
    expect(clock.now()).toBe(now + 1500);
  });

  it("no longer counts after a jump forward: a token from the future shows a slow clock again", () => {
    clock.learn(token(wall), dated(wall), false);
    wall += 3_600_000;
    clock.elapsed();
    clock.atLeast(token(wall + 60_000));
    expect(clock.now()).toBe(wall + 60_500);
  });

  it("still counts after the clock was set back, even against a token from the future", () => {
    clock.learn(token(wall), dated(wall), false);
    const now = clock.now();
    wall -= 3_600_000;
    clock.elapsed();
    clock.atLeast(token(now + 60_000));
    expect(clock.now()).toBe(now);
  });

  it("still counts after the clock was set back", () => {
    clock.learn(token(wall), dated(wall), false);
    const now = clock.now();
    wall -= 3_600_000;
    clock.elapsed();
    clock.learn(token(now - 400_000), undefined, false);
    expect(clock.now()).toBe(now);
  });
});

it("two tokens of the same age, more than half a lifetime, reveal a fast clock", () => {
  clock.learn(token(wall - 200_000), undefined, false);
  expect(clock.now()).toBe(wall);
  pass(80_000);
  clock.learn(token(wall - 200_000), undefined, false);
  expect(clock.now()).toBe(wall - 200_000 + 60_000);
  pass(200_000);
  clock.learn(token(wall - 200_000), undefined, false);
  expect(clock.now()).toBe(wall - 200_000 + 60_000);
});

it("a repeated token reveals nothing, even after a sign-out", () => {
  const claims = { ...token(wall), mark: 1 };
  clock.learn(claims, undefined, false);
  pass(400_000);
  clock.learn(claims, undefined, false);
  expect(clock.now()).toBe(wall);
  // Nor does another token of the same time: the repeated one shows how long ago that was.
  clock.learn({ ...claims, mark: 2 }, undefined, false);
  expect(clock.now()).toBe(wall);
});

it("tokens without iat are valid again after the clock jumped a day ahead and back", () => {
  const opaque = () => ({ exp: wall + 300_000 });
  wall += 86_400_000;
  const ahead = new Clock(
    () => wall,
    () => mono,
  );
  ahead.learn({ exp: wall - 86_400_000 + 300_000 }, undefined, false);
  wall -= 86_400_000;
  pass(1000);
  ahead.learn(opaque(), undefined, false);
  expect(ahead.now()).toBe(wall);
});

describe("a record", () => {
  it("restores the offset", () => {
    clock.restore(-90_000, {});
    expect(clock.now()).toBe(wall - 90_000);
    clock.restore(90_000, {});
    expect(clock.now()).toBe(wall + 90_000);
  });

  it("ignores an offset that no clock has", () => {
    for (const ahead of [2 * 86_400_000, 1e12, -1e12, 2 ** 53, 1e308, -1e308, Infinity, -Infinity, NaN]) {
      clock.restore(ahead, {});
      expect(clock.now(), `${ahead}`).toBe(wall);
    }
  });

  it("reveals by its token that the clock is slow", () => {
    clock.restore(0, token(wall + 60_000));
    expect(clock.now()).toBe(wall + 60_500);
  });

  it("is ignored once the source has answered", () => {
    clock.learn(token(wall), undefined, false);
    clock.restore(-90_000, {});
    expect(clock.now()).toBe(wall);
  });

  it("is ignored even if that answer contained no time", () => {
    clock.learn({}, undefined, false);
    clock.restore(-90_000, {});
    expect(clock.now()).toBe(wall);
  });
});

describe("a token from the future", () => {
  it("reveals a slow clock: it is half a second past its iat", () => {
    clock.atLeast(token(wall + 60_000));
    expect(clock.now()).toBe(wall + 60_500);
  });

  it("reveals nothing at its exact iat, without an iat, or with an impossible one", () => {
    clock.atLeast(token(wall));
    clock.atLeast({});
    clock.atLeast({ iat: wall + 60_000, exp: wall + 60_000 });
    clock.atLeast({ iat: wall * 1e6, exp: wall * 1e7 });
    expect(clock.now()).toBe(wall);
  });

  it("reveals nothing if Date has set the time", () => {
    clock.learn(token(wall), dated(wall), false);
    clock.atLeast(token(wall + 60_000));
    expect(clock.now()).toBe(wall);
  });
});

describe("the local clock is a witness, even of the time before it was set,", () => {
  /** The clock is set an hour ahead. Only `Date` shows that, and it is trusted from then on. */
  const setAhead = () => {
    wall += 3_600_000;
    clock.learn({}, dated(wall - 3_600_000), false);
    pass(1000);
    clock.learn(token(wall), dated(wall - 3_600_000), false);
    return clock.now();
  };

  it("from the start", () => expect(setAhead()).toBe(wall - 3_600_000));

  it("and again after a refusal", () => {
    clock.atLeast(token(wall + 60_000));
    clock.distrust();
    expect(setAhead()).toBe(wall - 3_600_000);
  });

  it.each<[string, () => void]>([
    ["not after a record said otherwise", () => clock.restore(3_600_000, {})],
    ["not after a token from the future did", () => clock.atLeast(token(wall + 3_600_000))],
  ])("but %s", (_, before) => {
    before();
    clock.learn(token(wall), dated(wall + 3_600_000), false);
    expect(clock.now()).toBe(wall);
  });
});

describe("a refusal", () => {
  it("discards the time learned from tokens alone: back to the local clock", () => {
    clock.atLeast(token(wall + 60_000));
    clock.distrust();
    expect(clock.now()).toBe(wall);
    clock.learn(token(wall - 200_000), undefined, false);
    clock.distrust();
    pass(80_000);
    clock.learn(token(wall - 200_000), undefined, false);
    expect(clock.now()).toBe(wall);
  });

  it("keeps the time learned from Date", () => {
    clock.learn({}, dated(wall + 60_000), false);
    clock.distrust();
    expect(clock.now()).toBe(wall + 60_000);
  });

  it("lets another record restore the offset again", () => {
    clock.learn(token(wall), undefined, false);
    clock.restore(90_000, {});
    expect(clock.now()).toBe(wall);
    clock.distrust();
    clock.restore(90_000, {});
    expect(clock.now()).toBe(wall + 90_000);
  });
});
