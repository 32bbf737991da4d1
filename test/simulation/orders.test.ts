import { describe, expect, it } from "vitest";
import { buildRealm } from "./build.mjs";
import { explore, replay } from "./orders.mjs";
import { scenarios } from "./scenarios.mjs";

/** For each scenario: all orders if there are fewer, otherwise those closest to the usual one. */
const MOST = 500;
const building = buildRealm();
let lived = 0;

describe("every order of the steps of", () => {
  it.each(Object.entries(scenarios))("%s violates nothing", async (name, scenario) => {
    const realm = await building;
    for (const depth of [2, Infinity]) {
      const { orders, violation, steps, path } = await explore({ realm, scenario, depth, most: MOST });
      lived += orders;
      const again = `Again: npm run explore -- --scenario ${name} --replay ${path || 0}`;
      expect(violation && [violation, ...steps!, again].join("\n")).toBeUndefined();
    }
  });

  it("covers at least 10,000 orders in total", () => {
    console.log(`${lived} orders of two tabs' steps`);
    expect(lived).toBeGreaterThanOrEqual(10_000);
  });

  it("replays a failing order from its path", async () => {
    const edits = [{ file: "tabs/lock.ts", from: "GRACE = 100", to: "GRACE = 0" }];
    const realm = await buildRealm(edits);
    const scenario = scenarios["refresh-refresh"]!;
    const found = await explore({ realm, scenario, depth: 1 });
    expect(found.violation).toBe("2 requests, not 1");
    expect(await replay(realm, scenario, found.path!)).toMatchObject({
      violation: found.violation,
      steps: found.steps,
    });
  });

  it("skips only equivalent orders: every outcome appears in an order that was run", async () => {
    const realm = await building;
    const { reduced, full } = await outcomes(realm);
    expect(reduced).toEqual(full);
  });
});

/** The outcomes of a small scenario as its tabs see them, with and without skipping equivalent orders. */
async function outcomes(realm: Awaited<ReturnType<typeof buildRealm>>) {
  const scenario = scenarios["sign-out-first-call"]!;
  const run = async (depth: number) => {
    const seen = new Set<string>();
    const onOrder = (steps: string[]) => {
      const told = steps.slice(0, steps.indexOf("(then in the order of creation)"));
      const by = (name: string) =>
        told.filter(
          (step) => step.slice(8).startsWith(`${name} returns`) || step.includes(`${name} rejects`),
        );
      seen.add(JSON.stringify(["A", "B"].map((name) => by(name).map((step) => step.slice(8)))));
    };
    await explore({ realm, scenario, depth, most: 20_000, onOrder });
    return seen;
  };
  // Deep enough for all orders, so none is skipped.
  return { reduced: await run(Infinity), full: await run(1000) };
}
