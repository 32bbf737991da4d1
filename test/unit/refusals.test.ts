import { beforeEach, describe, expect, it, vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { create } from "../support/setup.js";
import { advance, MINUTE, SECOND, World } from "../support/world.js";

const query = { measures: ["Things.count"] };

describe("twenty charts that poll every second, while Cube refuses every token", () => {
  let world: World;
  let refusing = true;
  let queries = 0;

  beforeEach(() => {
    world = new World();
    refusing = true;
    queries = 0;
    vi.stubGlobal("fetch", async () => {
      queries++;
      return refusing
        ? Response.json({ error: "Invalid token" }, { status: 403 })
        : Response.json({
            queryType: "regularQuery",
            results: [{ query, data: [{ "Things.count": "2" }], annotation: {} }],
            pivotQuery: query,
          });
    });
  });

  /** Starts the charts; returns the outcome of each poll. */
  function start() {
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const api = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
    const answers: string[] = [];
    const poll = () =>
      api.load(query).then(
        () => answers.push("rows"),
        (error) => answers.push(error.message),
      );
    for (let chart = 0; chart < 20; chart++) setInterval(poll, SECOND);
    return answers;
  }

  it.each([0, 0.5, 0.999])(
    "stay within 10 token requests in the first minute, and 3 in each later one: Math.random() %s",
    async (dice) => {
      vi.spyOn(Math, "random").mockReturnValue(dice);
      const answers = start();
      const first = world.now();
      await advance(5 * MINUTE);
      const perMinute = Array.from(
        { length: 5 },
        (_, minute) =>
          world.requests.filter((at) => Math.floor((at - first - SECOND) / MINUTE) === minute).length,
      );
      expect(perMinute[0]).toBeLessThanOrEqual(10);
      for (const count of perMinute.slice(1)) expect(count).toBeLessThanOrEqual(3);
      expect(perMinute.every((count) => count > 0)).toBe(true);
      // Every poll got Cube's own answer, for at most one extra query.
      expect(answers.length).toBeGreaterThanOrEqual(20 * 298);
      expect(new Set(answers)).toEqual(new Set(["Invalid token"]));
      expect(queries).toBeLessThanOrEqual(2 * answers.length + 40);
    },
  );

  it("have rows again within seconds once Cube accepts tokens", async () => {
    const answers = start();
    await advance(5 * MINUTE);
    refusing = false;
    // Advances the clock while it waits.
    await vi.waitFor(() => expect(answers.slice(-20)).toEqual(Array(20).fill("rows")), 3 * SECOND);
  });
});

describe("a source that fails, and then returns only tokens that Cube refuses", () => {
  it.each([1, 3, 5, 7])("counts as one series of failures: %s failures first", async (failures) => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const world = new World();
    world.answer = (request) => (request > failures ? undefined : new Response(null, { status: 503 }));
    const tokens = create({ endpoint: "/token", fetch: world.fetch });
    const poll = () => tokens.getToken().then(tokens.invalidate, () => {});
    const timer = setInterval(poll, 100);
    await advance(6 * MINUTE);
    clearInterval(timer);
    const within = (from: number) => world.requests.filter((at) => at >= from && at < from + MINUTE).length;
    const [first = NaN] = world.requests;
    expect(within(first)).toBeLessThanOrEqual(10);
    for (const at of world.requests.filter((at) => at >= first + MINUTE)) {
      expect(within(at)).toBeLessThanOrEqual(3);
    }
  });
});
