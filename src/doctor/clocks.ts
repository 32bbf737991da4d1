import { readDate } from "../source/headers.js";
import type { Given } from "./answer.js";
import { type Finding, note, right, wrong } from "./finding.js";

/** In ms. */
const TOLERANCE = 30_000;
const MEND = "Synchronize the clocks with NTP: Cube rejects a token the moment it expires.";

const say = (ms: number) => `${Math.round(Math.abs(ms) / 1000)} s ${ms < 0 ? "behind" : "ahead of"}`;

/** How far the endpoint's `Date` is ahead of this machine's clock, in ms. */
function dateAhead({ seen: { headers, roundTrip, cameAt } }: Given): number | undefined {
  const { date } = readDate(headers, roundTrip, 0);
  if (!date) return undefined;
  // Some caches send the Date of the stored response, some the current one.
  const ahead = (date.earliest + date.latest) / 2 - cameAt;
  return ahead < 0 ? Math.min(0, ahead + date.age) : ahead;
}

/** @param again the second answer. If both have the same token, it is unknown when that was signed. */
export function checkClocks(first: Given, again: Given | undefined): Finding[] {
  const { token, seen } = again ?? first;
  if (Number(token.claims?.iat) >= 1e11) {
    return [wrong(`The token's "iat" is in milliseconds. JWTs count seconds (RFC 7519): divide it by 1000.`)];
  }
  const isFresh = again !== undefined && token.value !== first.token.value;
  // A response that was cached as a whole may be of any age.
  const isKept = again && !isFresh && seen.headers.get("date") === first.seen.headers.get("date");
  const byDate = isKept ? undefined : dateAhead(first);
  const signedAhead = token.iat === undefined ? undefined : token.iat - seen.cameAt;
  const bySigner = isFresh || Number(signedAhead) > 0 ? signedAhead : undefined;
  const isDateOff = Math.abs(byDate ?? 0) > TOLERANCE;
  const isSignerOff = Math.abs(bySigner ?? 0) > TOLERANCE;
  const findings: Finding[] = [];
  if (isDateOff) {
    findings.push(wrong(`The endpoint's clock (Date) is ${say(byDate!)} this machine's. ${MEND}`));
  }
  // The same clock is reported only once.
  if (isSignerOff && !(isDateOff && Math.abs(bySigner! - byDate!) < TOLERANCE)) {
    findings.push(
      wrong(
        `The clock of the server that signs the token ("iat") is ${say(bySigner!)} this machine's. ${MEND}`,
      ),
    );
  }
  if (findings.length > 0) return findings;
  if (byDate === undefined && bySigner === undefined) {
    return [note("The answer has neither a usable Date nor a new iat: a wrong clock cannot be detected.")];
  }
  return [right("The clocks agree within 30 s.")];
}
