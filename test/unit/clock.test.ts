import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../src/core/clock.js";

let wall: number;
let mono: number;
let clock: Clock;

beforeEach(() => {
  wall = 1_000_000_000;
  mono = 5000;
  clock = new Clock(
    () => wall,
    () => mono,
  );
});

const pass = (duration: number) => {
  wall += duration;
  mono += duration;
};
/** A token whose times are told from this one on, in ms. */
const token = (iat: number, life = 300_000) => ({ value: "t", iat, exp: iat + life });

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

  it("sees a sleep after the clock was set back", () => {
    wall -= 3_600_000;
    expect(clock.elapsed()).toBe(0);
    wall += 60_000;
    expect(clock.elapsed()).toBe(60_000);
  });

  it("takes a difference of a second for drift, and starts afresh beyond that", () => {
    wall += 1000;
    expect(clock.elapsed()).toBe(1000);
    // Not afresh: the monotonic clock catches up first.
    mono += 1000;
    expect(clock.elapsed()).toBe(1000);
    wall += 1001;
    expect(clock.elapsed()).toBe(2001);
    mono += 1001;
    expect(clock.elapsed()).toBe(3002);
  });
});

describe("a Date header", () => {
  it("sets the time to the middle of what is possible", () => {
    clock.sync(wall + 60_000, wall + 61_000);
    expect(clock.now()).toBe(wall + 60_500);
    expect(clock.ahead()).toBe(60_500);
    clock.sync(wall - 61_000, wall - 60_000);
    expect(clock.now()).toBe(wall - 60_500);
  });

  it("leaves an estimate that is possible, to the very edges", () => {
    clock.sync(wall, wall + 1000);
    expect(clock.now()).toBe(wall);
    clock.sync(wall - 1000, wall);
    expect(clock.now()).toBe(wall);
  });

  it("counts for more than what a record remembers, and than tokens that look dead or old", () => {
    clock.sync(wall, wall + 1000);
    clock.restore(5000);
    expect(clock.now()).toBe(wall);
    clock.learn(token(wall - 400_000), false);
    expect(clock.now()).toBe(wall);
    pass(10_000);
    clock.learn(token(wall - 400_000), false);
    expect(clock.now()).toBe(wall);
    clock.distrust();
    expect(clock.now()).toBe(wall);
  });

  it("counts no more after a jump forward, which may have been somebody who set the clock", () => {
    clock.sync(wall, wall + 1000);
    wall += 3_600_000;
    clock.elapsed();
    clock.learn(token(wall - 3_600_000), false);
    expect(clock.now()).toBe(wall - 3_600_000 + 500);
  });

  it("counts on after the clock was set back", () => {
    clock.sync(wall, wall + 1000);
    const now = clock.now();
    wall -= 3_600_000;
    clock.elapsed();
    clock.learn(token(now - 400_000), false);
    expect(clock.now()).toBe(now);
  });
});

describe("a record", () => {
  it("remembers the offset", () => {
    clock.restore(-90_000);
    expect(clock.now()).toBe(wall - 90_000);
    clock.restore(90_000);
    expect(clock.now()).toBe(wall + 90_000);
  });

  it("counts no more once a token has come from the source", () => {
    clock.learn(token(wall), false);
    clock.restore(-90_000);
    expect(clock.now()).toBe(wall);
  });

  it("counts no more even where that token says nothing", () => {
    clock.learn({ value: "opaque" }, false);
    clock.restore(-90_000);
    expect(clock.now()).toBe(wall);
  });
});

describe("a token from the future", () => {
  it("shows a slow clock: it is half a second past its iat", () => {
    clock.atLeast(token(wall + 60_000));
    expect(clock.now()).toBe(wall + 60_500);
  });

  it("shows it by nbf where there is no iat", () => {
    clock.atLeast({ value: "t", nbf: wall + 60_000 });
    expect(clock.now()).toBe(wall + 60_500);
    clock.atLeast({ value: "t", iat: wall, nbf: wall + 120_000 });
    expect(clock.now()).toBe(wall + 60_500);
  });

  it("is none at its very iat, or without one", () => {
    clock.atLeast(token(wall));
    clock.atLeast({ value: "t" });
    expect(clock.now()).toBe(wall);
  });
});

describe("a token that has just come", () => {
  it("and looks dead shows a fast clock", () => {
    clock.learn(token(wall - 300_000), false);
    expect(clock.now()).toBe(wall - 300_000 + 500);
  });

  it("and is alive by a millisecond shows nothing", () => {
    clock.learn(token(wall - 299_999), false);
    expect(clock.now()).toBe(wall);
  });

  it("and looks dead is dead where Cube has refused it, or where one before it tells the time", () => {
    clock.learn(token(wall - 300_000), true);
    expect(clock.now()).toBe(wall);
    // One a minute old came before; since then ten minutes have passed.
    clock.learn(token(wall - 60_000), false);
    pass(600_000);
    clock.learn(token(wall - 400_000), false);
    expect(clock.now()).toBe(wall);
  });

  it("may be dead to the very millisecond by one before it", () => {
    clock.learn(token(wall - 60_000, 3_600_000), false);
    pass(600_000);
    clock.learn(token(wall - 960_000), false);
    expect(clock.now()).toBe(wall);
    // But not where the one before leaves it a moment.
    clock.distrust();
    clock.learn(token(wall - 200_000, 3_600_000), false);
    pass(10_000);
    clock.learn(token(wall - 300_000), false);
    expect(clock.now()).toBe(wall - 300_000 + 500);
  });

  it("says nothing without iat, without exp, or with an exp before its iat", () => {
    for (const odd of [
      { value: "t", exp: wall - 1000 },
      { value: "t", iat: wall - 1000 },
      { value: "t", iat: wall - 1000, exp: wall - 1000 },
      { value: "t", iat: wall - 1000, exp: wall - 2000 },
    ]) {
      clock.learn(odd, false);
      expect(clock.now(), JSON.stringify(odd)).toBe(wall);
    }
  });
});

describe("two tokens of the very same age", () => {
  const each = (age: number, between = 100_000, slack = 0) => {
    clock.learn(token(wall - age), false);
    pass(between);
    clock.learn(token(wall - age + slack), false);
  };

  it("show a fast clock, though not by more than a quarter of a life", () => {
    each(120_000);
    expect(clock.now()).toBe(wall - 120_000 + 75_000);
  });

  it("show no more than the token says", () => {
    each(50_000);
    expect(clock.now()).toBe(wall);
  });

  it("may differ by less than a second and a half", () => {
    each(120_000, 100_000, 1499);
    expect(clock.now()).toBe(wall - 120_000 + 1499 + 75_000);
  });

  it("that differ by more are of an endpoint that caches", () => {
    each(120_000, 100_000, 1500);
    expect(clock.now()).toBe(wall);
    clock.distrust();
    each(120_000, 100_000, -1500);
    expect(clock.now()).toBe(wall);
  });

  it("are no two where it is the same one", () => {
    clock.learn(token(wall - 120_000), false);
    const { iat, exp } = token(wall - 120_000);
    pass(1000);
    clock.learn({ value: "t", iat, exp }, false);
    expect(clock.now()).toBe(wall);
  });

  it("do not set the time behind what was known, plus what has passed", () => {
    each(120_000);
    pass(100_000);
    clock.learn(token(wall - 120_000), false);
    expect(clock.now()).toBe(wall - 120_000 + 75_000);
  });
});

it("after a refusal it is what the local clock says, and tokens start anew", () => {
  clock.atLeast(token(wall + 60_000));
  clock.distrust();
  expect(clock.now()).toBe(wall);
  clock.learn(token(wall - 120_000), false);
  clock.distrust();
  pass(100_000);
  clock.learn(token(wall - 120_000), false);
  expect(clock.now()).toBe(wall);
});

it("after a refusal it is what the record of another token remembers", () => {
  clock.learn(token(wall), false);
  clock.restore(90_000);
  expect(clock.now()).toBe(wall);
  clock.distrust();
  clock.restore(90_000);
  expect(clock.now()).toBe(wall + 90_000);
});
