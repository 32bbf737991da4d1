import { describe, expect, it } from "vitest";
import { CubeTokenManager } from "../../src/index.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { advance, DAY, HOUR, MINUTE, SECOND, World } from "../support/world.js";

/** A chart that polls for some lifetimes: counts its requests and expired tokens. */
async function poll(world: World, options: object, duration: number, at: Record<number, () => void> = {}) {
  const tokens = create({ endpoint: "/token", fetch: world.fetch, refreshJitter: 0, ...options });
  let dead = 0;
  const step = Math.max(SECOND / 2, (world.lifetime * 1000) / 100);
  for (let time = 0; time < duration; time += step) {
    for (const [when, event] of Object.entries(at)) {
      if (Number(when) >= time && Number(when) < time + step) event();
    }
    if (!world.accepts(await tokens.getToken())) dead++;
    await advance(step);
  }
  tokens.dispose();
  return { requests: world.requests.length, dead };
}

const offsets = [1, 10, 120, 1440].flatMap((minutes) => [minutes * MINUTE, -minutes * MINUTE]);
const lifetimes = [20, 300, 1200, 3600, 9000, 86_400, 2_592_000];

describe("a clock that is wrong all the time", () => {
  for (const lifetime of lifetimes) {
    for (const dateHeader of [true, false]) {
      for (const autoRefresh of [true, false]) {
        const name = `tokens of ${lifetime} s, ${dateHeader ? "with" : "without"} Date, autoRefresh ${autoRefresh}`;
        it(`serves no expired token and sends no more requests than with a right clock: ${name}`, async () => {
          const duration = lifetime * 1000 * 6.5;
          const right = await poll(new World({ lifetime, dateHeader }), { autoRefresh }, duration);
          expect(right.dead).toBe(0);
          for (const skew of offsets) {
            const wrong = await poll(new World({ lifetime, dateHeader, skew }), { autoRefresh }, duration);
            const age = dateHeader || skew < 0 ? 0 : skew / (lifetime * 1000);
            // It could be a cache, or an issuer that backdates: up to half, the pace is that of the remaining lifetime.
            const left = { lifetime: lifetime * (1 - age), dateHeader };
            const allowed =
              age > 1 / 4 && age <= 1 / 2
                ? (await poll(new World(left), { autoRefresh }, duration)).requests + 1
                : age > 0 && age < 1
                  ? Math.floor(right.requests * 1.5)
                  : right.requests + 1;
            expect(`${skew / MINUTE} min: ${wrong.dead} expired`).toBe(`${skew / MINUTE} min: 0 expired`);
            expect(wrong.requests, `${skew / MINUTE} min, right ${right.requests}`).toBeLessThanOrEqual(
              allowed,
            );
          }
        });
      }
    }
  }
});

describe("a machine that sleeps while the answer is on its way", () => {
  it("asks again, as the answer's Date and token are outdated", async () => {
    const world = new World({ lifetime: 60, latency: 100 });
    const tokens = create({ endpoint: "/token", fetch: world.fetch, refreshBefore: 0, minValidity: 0 });
    const first = tokens.getToken();
    await advance(50);
    world.sleep(80_000);
    await advance(300);
    expect(world.accepts(await first)).toBe(true);
    expect(world.requests.length).toBe(2);
    // The time is known now: no expired token later on.
    await advance(59_900);
    const next = tokens.getToken();
    await advance(200);
    expect(world.accepts(await next)).toBe(true);
  });
});

describe("a clock that jumps while the page runs", () => {
  for (const lifetime of [300, 3600, 9000]) {
    for (const dateHeader of [true, false]) {
      for (const jump of [HOUR, -HOUR]) {
        it(`${jump / HOUR} h, tokens of ${lifetime} s, ${dateHeader ? "with" : "without"} Date`, async () => {
          const duration = lifetime * 1000 * 6.5;
          const right = await poll(new World({ lifetime, dateHeader }), {}, duration);
          const world = new World({ lifetime, dateHeader });
          const jumped = await poll(world, {}, duration, {
            [lifetime * 1500]: () => world.setClock(jump),
          });
          expect(jumped.dead).toBe(0);
          expect(jumped.requests).toBeLessThanOrEqual(right.requests + 1);
        });
      }
    }
  }
});

describe("times that an endpoint may send", () => {
  /** A chart that polls for half an hour: counts calls with a token that Cube accepts, an expired token, an error. */
  async function chart(world: World, options: object = {}) {
    const tokens = create({ endpoint: "/token", fetch: world.fetch, refreshJitter: 0, ...options });
    const calls = { served: 0, dead: 0, failed: 0, codes: new Set<string>() };
    for (let time = 0; time < 30 * MINUTE; time += 5 * SECOND) {
      // Not awaited, as a call may wait.
      tokens.getToken().then(
        (token) => {
          const { nbf = 0, exp = Infinity } = JSON.parse(atob(token.split(".")[1] ?? ""));
          const now = Math.floor(world.now() / 1000);
          if (now >= nbf && now < exp) calls.served++;
          else calls.dead++;
        },
        ({ code }) => {
          calls.failed++;
          calls.codes.add(code);
        },
      );
      await advance(5 * SECOND);
    }
    tokens.dispose();
    return { ...calls, codes: [...calls.codes], requests: world.requests.length };
  }
  const seconds = (world: World) => Math.floor(world.now() / 1000);
  const all = { served: 360, dead: 0, failed: 0 };
  /** Refreshes of 300-second tokens a minute before their end. */
  const few = 9;

  for (const dateHeader of [true, false]) {
    for (const [what, iat] of [
      ["in milliseconds", (now: number) => now * 1000],
      ["past exp", (now: number) => now + 4000],
      ["equal to exp", (now: number) => now + 300],
      ["far in the past", () => 1],
    ] as const) {
      it(`an iat ${what} is ignored, ${dateHeader ? "with" : "without"} Date`, async () => {
        const world = new World({ dateHeader });
        world.answer = () => {
          const now = seconds(world);
          return world.respond({ token: jwt({ iat: iat(now), exp: now + 300 }) });
        };
        const calls = await chart(world);
        expect(calls).toMatchObject(all);
        expect(calls.requests).toBeLessThanOrEqual(few);
      });
    }
  }

  for (const skew of [0, DAY, -DAY]) {
    it(`a token that is not valid yet is not served if Date gives the time, clock off by ${skew / DAY} d`, async () => {
      const world = new World({ skew });
      world.answer = () => {
        const now = seconds(world);
        return world.respond({ token: jwt({ nbf: now + 3600, exp: now + 7200 }) });
      };
      const { served, dead, codes, requests } = await chart(world);
      expect({ served, dead, codes }).toEqual({ served: 0, dead: 0, codes: ["ERR_INVALID_TOKEN"] });
      expect(requests).toBeLessThanOrEqual(10 + 3 * 29);
    });
  }

  it("tokens without iat survive a clock that jumps a day ahead and back", async () => {
    const world = new World({ dateHeader: false });
    world.answer = () => world.respond({ token: jwt({ exp: seconds(world) + 300 }) });
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    for (const jump of [0, DAY, -DAY]) {
      world.setClock(jump);
      for (let n = 0; n < 90; n++) {
        expect(world.accepts(await tokens.getToken()), `${jump}`).toBe(true);
        await advance(10 * SECOND);
      }
    }
    await tokens.clear();
    expect(world.accepts(await tokens.getToken())).toBe(true);
  });

  it("tokens without iat work once a clock that was a day ahead is set right", async () => {
    const world = new World({ dateHeader: false, skew: DAY });
    world.answer = () => world.respond({ token: jwt({ exp: seconds(world) + 300 }) });
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    await expect(tokens.getToken()).rejects.toMatchObject({ code: "ERR_TOKEN_EXPIRED" });
    world.setClock(-DAY);
    await advance(MINUTE);
    for (let n = 0; n < 90; n++) {
      expect(world.accepts(await tokens.getToken())).toBe(true);
      await advance(10 * SECOND);
    }
  });

  for (const skew of [0, DAY]) {
    it(`works with a cache that renews Date and sends Age, clock off by ${skew / DAY} d`, async () => {
      const world = new World({ skew });
      world.answer = () => {
        const iat = seconds(world) - 200;
        return world.respond({ token: jwt({ iat, exp: iat + 300 }) }, { headers: { age: "200" } });
      };
      expect(await chart(world)).toMatchObject(all);
    });
  }

  for (const off of [-HOUR, -10 * MINUTE, 6 * MINUTE, 10 * MINUTE, HOUR, DAY]) {
    it(`a Date that is ${off / MINUTE} min ahead is outvoted by iat and the local clock`, async () => {
      const world = new World({ dateHeader: false });
      world.answer = () => {
        const date = new Date(world.now() + off).toUTCString();
        return world.respond({ token: world.issue() }, { headers: { date } });
      };
      const calls = await chart(world);
      expect(calls).toMatchObject(all);
      expect(calls.requests).toBeLessThanOrEqual(few);
    });
  }

  for (const lifetime of [6, 30, 300]) {
    for (const autoRefresh of [true, false]) {
      it(`the same token of ${lifetime} s each time is an error once it has expired, autoRefresh ${autoRefresh}`, async () => {
        const world = new World({ lifetime, dateHeader: false });
        const token = world.issue();
        const calls = await chart(world, {
          endpoint: undefined,
          fetch: undefined,
          autoRefresh,
          fetchToken: async () => token,
        });
        expect(calls).toMatchObject({ dead: 0, codes: ["ERR_TOKEN_EXPIRED"] });
        expect(calls.served).toBe(Math.ceil((lifetime - 0.4) / 5));
      });
    }
  }

  it("the same expired token is an error after a sign-out too", async () => {
    const world = new World({ dateHeader: false });
    const token = world.issue();
    const tokens = new CubeTokenManager({ fetchToken: async () => token });
    await tokens.getToken();
    await tokens.clear();
    await advance(400 * SECOND);
    await expect(tokens.getToken()).rejects.toMatchObject({ code: "ERR_TOKEN_EXPIRED" });
    tokens.dispose();
  });

  for (const [lifetime, back] of [
    [600, 300],
    [300, 60],
    [3600, 1800],
    [60, 30],
  ] as const) {
    for (const dateHeader of [true, false]) {
      const name = `${back} of ${lifetime} s, ${dateHeader ? "with" : "without"} Date`;
      it(`works with an issuer that backdates: ${name}`, async () => {
        const world = new World({ dateHeader });
        world.answer = () => {
          const iat = seconds(world) - back;
          return world.respond({ token: jwt({ iat, exp: iat + lifetime }) });
        };
        const calls = await chart(world);
        expect(calls).toMatchObject(all);
        const left = lifetime - back;
        expect(calls.requests).toBeLessThanOrEqual(Math.ceil(1800 / (left - Math.min(60, left / 2) - 5)) + 1);
      });
    }
  }
});

describe("a source that answers is asked at most once a second", () => {
  for (const autoRefresh of [true, false]) {
    for (const expires_in of [1, 0.5, 0.3, 0.001, 1e-300]) {
      it(`expires_in of ${expires_in} s, autoRefresh ${autoRefresh}`, async () => {
        new World();
        let requests = 0;
        const fetchToken = async () => ({ token: `t${++requests}`, expires_in });
        const tokens = create({ fetchToken, autoRefresh });
        for (let time = 0; time < MINUTE; time += 20) {
          const call = tokens.getToken();
          await advance(20);
          await call;
        }
        expect(requests).toBeGreaterThan(20);
        expect(requests).toBeLessThanOrEqual(61);
      });
    }

    it(`tokens of one second, none of them served expired, autoRefresh ${autoRefresh}`, async () => {
      const world = new World({ lifetime: 1 });
      const tokens = create({ endpoint: "/token", fetch: world.fetch, autoRefresh });
      let waiting = 0;
      for (let time = 0; time < MINUTE; time += 20) {
        waiting++;
        tokens.getToken().then((token) => {
          waiting--;
          expect(world.accepts(token)).toBe(true);
        });
        await advance(20);
      }
      await advance(SECOND);
      expect(waiting).toBe(0);
      expect(world.requests.length).toBeLessThanOrEqual(62);
    });
  }

  it("except immediately after each refusal by Cube and each forceRefresh", async () => {
    const world = new World();
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const first = await tokens.getToken();
    tokens.invalidate(first);
    expect(await tokens.getToken()).not.toBe(first);
    expect(world.requests.length).toBe(2);
    for (let n = 3; n <= 20; n++) {
      await tokens.getToken({ forceRefresh: true });
      expect(world.requests.length).toBe(n);
    }
  });
});
