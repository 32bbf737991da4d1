import { describe, expect, it } from "vitest";
import { create } from "../support/setup.js";
import { advance, HOUR, MINUTE, SECOND, World } from "../support/world.js";

/** A chart that polls: counts requests and dead tokens over some lifetimes. */
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
        it(`never serves a dead token and asks no more than with a right clock: ${name}`, async () => {
          const duration = lifetime * 1000 * 6.5;
          const right = await poll(new World({ lifetime, dateHeader }), { autoRefresh }, duration);
          expect(right.dead).toBe(0);
          for (const skew of offsets) {
            const wrong = await poll(new World({ lifetime, dateHeader, skew }), { autoRefresh }, duration);
            const mayCache = !dateHeader && skew > 0 && skew < lifetime * 1000;
            const allowed = mayCache ? Math.floor(right.requests * 1.5) : right.requests + 1;
            expect(`${skew / MINUTE} min: ${wrong.dead} dead`).toBe(`${skew / MINUTE} min: 0 dead`);
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
  it("asks anew: neither the answer's Date nor its token is of now", async () => {
    const world = new World({ lifetime: 60, latency: 100 });
    const tokens = create({ endpoint: "/token", fetch: world.fetch, refreshBefore: 0, minValidity: 0 });
    const first = tokens.getToken();
    await advance(50);
    world.sleep(80_000);
    await advance(300);
    expect(world.accepts(await first)).toBe(true);
    expect(world.requests.length).toBe(2);
    // And the time is known: no dead token later on.
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
