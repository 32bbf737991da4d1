import { buildRealm } from "./build.mjs";
import { explore } from "./orders.mjs";
import { simulate } from "./run.mjs";
import { scenarios } from "./scenarios.mjs";

/**
 * Searches for a deliberate fault: in the orders of its scenario, or in random histories.
 *
 * @param {(typeof import("./mutations.mjs").mutations)[number]} mutation
 * @param {{ histories: number, seed: number }} options for the histories.
 * @returns {Promise<string | undefined>} where and how it was found.
 */
export async function find({ scenario, depth, edits }, { histories, seed }) {
  if (scenario) {
    const realm = await buildRealm(edits);
    const { orders, violation } = await explore({ realm, scenario: scenarios[scenario], depth });
    return violation && `in order ${orders} of ${scenario}: ${violation}`;
  }
  const failure = await simulate({ histories, seed, edits, shrink: false });
  // The path of a failure begins with the number of its history.
  return failure && `in history ${Number.parseInt(failure.path, 10) + 1}: ${failure.violation}`;
}
