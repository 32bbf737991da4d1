import { numbers } from "../../test/support/numbers.mjs";

/** Lifetime of the tokens, and the time in which all clients start, in ms. */
const LIFETIME = 300_000;
const START_WITHIN = 10_000;
/** All in seconds. */
export const DURATION = 7200;
export const OUTAGE = { from: 3600, to: 3780 };

/**
 * Lives two hours of a fleet whose clients all want a token all the time, and counts what their endpoint sees.
 *
 * The clients know nothing of each other, so one is lived after the other. The endpoint answers at once.
 *
 * @param {import("./rules.mjs").Rule} rule
 * @param {{ clients: number, outage: boolean, seed: number }} options
 */
export function live(rule, { clients, outage, seed }) {
  const random = numbers(seed);
  const perSecond = new Uint32Array(DURATION);
  let withoutToken = 0;
  for (let client = 0; client < clients; client++) {
    let plan;
    let failures = 0;
    for (let now = random() * START_WITHIN; now < DURATION * 1000; ) {
      perSecond[Math.floor(now / 1000)]++;
      if (outage && now >= OUTAGE.from * 1000 && now < OUTAGE.to * 1000) {
        now += rule.retry(++failures, now, plan, random);
        continue;
      }
      if (plan && now > plan.expiresAt) withoutToken += now - plan.expiresAt;
      plan = rule.next(now, now + LIFETIME, !plan || failures > 0, random);
      failures = 0;
      now = plan.refreshAt;
    }
  }
  return { perSecond, ...figures(perSecond, clients), withoutToken: withoutToken / clients / 1000 };
}

function figures(perSecond, clients) {
  const total = perSecond.reduce((sum, count) => sum + count, 0);
  const mean = total / DURATION;
  const peak = (from, to) => Math.max(...perSecond.subarray(from, to)) / mean;
  return {
    mean,
    requestsPerClient: total / clients,
    /** Times the mean: once the first tokens have lived, until the outage would be. */
    peak: peak(LIFETIME / 1000, OUTAGE.from),
    peakAfterOutage: peak(OUTAGE.to, DURATION),
  };
}

/** What is asked of the rule of this package. */
export function goals({ ours, oursWithOutage, fixed }) {
  return [
    {
      goal: "peak to mean, after the first lifetime",
      most: 2,
      is: Math.max(ours.peak, ours.peakAfterOutage),
    },
    { goal: "peak to mean, after the outage", most: 3, is: oursWithOutage.peakAfterOutage },
    {
      goal: "requests, times those of the fixed margin",
      most: 1.25,
      is: ours.requestsPerClient / fixed.requestsPerClient,
    },
  ];
}
