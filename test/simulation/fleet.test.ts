import { afterEach, expect, it, vi } from "vitest";
import { goals, live, OUTAGE } from "../../bench/fleet/fleet.mjs";
import { fixedMargin, ours } from "../../bench/fleet/rules.mjs";
import { CubeTokenManager } from "../../src/index.js";
import { numbers } from "../support/numbers.mjs";
import { SECOND, World } from "../support/world.js";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("a fleet sends neither waves of requests nor a storm at a recovered endpoint", () => {
  const run = (rule: typeof ours, outage: boolean) =>
    live(rule, { clients: 100_000, seed: 1, ...(outage && { outage: OUTAGE }) });
  const results = {
    fixed: run(fixedMargin, false),
    ours: run(ours, false),
    oursWithOutage: run(ours, true),
  };
  for (const { goal, is, most } of goals(results)) expect(is, goal).toBeLessThanOrEqual(most);
  // Proof that the measure works: other SDKs produce spikes of ten seconds in every 240.
  expect(results.fixed.peak).toBeGreaterThan(20);
});

it("the model of a fleet sends the requests of real managers", async () => {
  // So few clients vary from run to run by more than the tolerance.
  vi.spyOn(Math, "random").mockImplementation(numbers(1));
  const clients = 150;
  const world = new World();
  const from = world.now();
  const isDown = () => world.now() - from >= OUTAGE.from * SECOND && world.now() - from < OUTAGE.to * SECOND;
  world.answer = () => (isDown() ? new Response(null, { status: 503 }) : undefined);
  const fleet: CubeTokenManager[] = [];
  const counts: number[] = [];
  for (let time = 0; time < 7200; time += 5) {
    if (time < 10) {
      for (let n = 0; n < clients / 2; n++) {
        fleet.push(new CubeTokenManager({ endpoint: "/token", fetch: world.fetch }));
      }
    }
    for (const tokens of fleet) {
      tokens.getToken().then(
        (token) => expect(world.accepts(token)).toBe(true),
        () => expect(world.now() - from).toBeGreaterThan(OUTAGE.from * SECOND),
      );
    }
    await vi.advanceTimersByTimeAsync(5 * SECOND);
    counts[Math.floor(time / 60)] = world.requests.length;
  }
  for (const tokens of fleet) tokens.dispose();
  const { perSecond } = live(ours, { clients: 100_000, outage: OUTAGE, seed: 1 });
  /** Requests of one client between two minutes. */
  const model = (first: number, last: number) =>
    perSecond.subarray(first * 60, last * 60).reduce((sum, count) => sum + count, 0) / 100_000;
  const real = (first: number, last: number) => (counts[last - 1]! - (counts[first - 1] ?? 0)) / clients;
  // The outage is short, so what 150 clients do in it depends on chance even more.
  for (const [first, last, tolerance] of [
    [0, 60, 0.07],
    [60, 63, 0.15],
    [63, 68, 0.07],
    [68, 119, 0.07],
  ] as const) {
    const ratio = real(first, last) / model(first, last);
    expect(Math.abs(ratio - 1), `minutes ${first} to ${last}: ${ratio}`).toBeLessThan(tolerance);
  }
});
