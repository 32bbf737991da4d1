import { numbers } from "../../test/support/numbers.mjs";

/** The time in which all clients start, in ms. */
const START_WITHIN = 10_000;
/** Lifetime of the tokens, in seconds. */
export const LIFETIME = 300;
/** All in seconds. */
export const DURATION = 7200;
export const OUTAGE = { from: 3600, to: 3780 };

/**
 * Lives two hours of a fleet whose clients all want a token all the time, and counts what their endpoint sees.
 *
 * The clients know nothing of each other, so one is lived after the other. The endpoint answers at once.
 *
 * @param {import("./rules.mjs").Rule} rule
 * @param {{ clients: number, seed: number, outage?: { from: number, to: number }, lifetime?: number }} options
 *   `lifetime` of the tokens and the outage in seconds.
 */
export function live(rule, { clients, seed, outage, lifetime = LIFETIME }) {
  const random = numbers(seed);
  const perSecond = new Uint32Array(DURATION);
  const isDown = (now) => outage && now >= outage.from * 1000 && now < outage.to * 1000;
  let withoutToken = 0;
  let recoveredAfter = 0;
  for (let client = 0; client < clients; client++) {
    let plan;
    let failures = 0;
    for (let now = random() * START_WITHIN; now < DURATION * 1000; ) {
      perSecond[Math.floor(now / 1000)]++;
      if (isDown(now)) {
        now += rule.retry(++failures, now, plan, random);
        continue;
      }
      if (plan && now > plan.expiresAt) {
        withoutToken += now - plan.expiresAt;
        // Only from then on was it the client that kept itself waiting.
        recoveredAfter = Math.max(recoveredAfter, now - Math.max(plan.expiresAt, outage.to * 1000));
      }
      plan = rule.next(now, now + lifetime * 1000, !plan || failures > 0, random);
      failures = 0;
      now = plan.refreshAt;
    }
  }
  return {
    perSecond,
    ...figures(perSecond, clients, lifetime, outage?.to ?? OUTAGE.to),
    withoutToken: withoutToken / clients / 1000,
    /** In seconds, of the client that took longest. */
    recoveredAfter: recoveredAfter / 1000,
  };
}

function figures(perSecond, clients, lifetime, outageEnd) {
  const total = perSecond.reduce((sum, count) => sum + count, 0);
  const mean = total / DURATION;
  const peak = (from, to) => Math.max(...perSecond.subarray(from, to)) / mean;
  return {
    mean,
    requestsPerClient: total / clients,
    /** Times the mean: once the first tokens have lived, until the outage would be. */
    peak: peak(Math.min(lifetime, OUTAGE.from - 1), OUTAGE.from),
    peakAfterOutage: peak(outageEnd, DURATION),
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
    { goal: "peak to mean, after the outage", most: 6, is: oursWithOutage.peakAfterOutage },
    {
      goal: "seconds until every client has a token, after the outage",
      most: 60,
      is: oursWithOutage.recoveredAfter,
    },
    {
      goal: "requests, times those of the fixed margin",
      most: 1.25,
      is: ours.requestsPerClient / fixed.requestsPerClient,
    },
  ];
}
