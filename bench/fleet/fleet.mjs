import { numbers } from "../../test/support/numbers.mjs";

/** All clients start within this time, in ms. */
const START_WITHIN = 10_000;
/** Lifetime of the tokens, in seconds. */
export const LIFETIME = 300;
/** All in seconds. */
export const DURATION = 7200;
export const OUTAGE = { from: 3600, to: 3780 };

/**
 * Simulates two hours of a fleet whose clients always need a token, and counts the requests to their endpoint.
 *
 * The clients are independent of each other, so they are simulated one by one. The endpoint answers immediately.
 *
 * @param {import("./rules.mjs").Rule} rule
 * @param {{ clients: number, seed: number, outage?: { from: number, to: number }, lifetime?: number }} options
 *   the `lifetime` of the tokens and the outage are in seconds.
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
        // Counted from the time when the token had expired and the endpoint was up again.
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
    /** In seconds, for the slowest client. */
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
    /** As a multiple of the mean, from the end of the first tokens' lifetime to the time of the outage. */
    peak: peak(Math.min(lifetime, OUTAGE.from - 1), OUTAGE.from),
    peakAfterOutage: peak(outageEnd, DURATION),
  };
}

/** The goals for this package's rule. */
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
