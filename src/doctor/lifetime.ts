import { readDate } from "../source/headers.js";
import type { Given } from "./answer.js";
import { type Finding, note, right, wrong } from "./finding.js";

/** In seconds this is the year 5138, in milliseconds 1973. */
const MILLISECONDS = 1e11;
const ADVICE = "Sign it for 5 to 15 minutes.";

/** How long the token is valid, in ms, by the clock that favors it: another check compares the clocks. */
function remaining({ token: { exp, iat, claims }, expiresIn, seen }: Given): number | undefined {
  if (exp === undefined) return expiresIn;
  const { date } = readDate(seen.headers, seen.roundTrip, 0);
  const now = Math.min(seen.cameAt, date?.earliest ?? Infinity);
  const isSane = iat !== undefined && Number(claims?.iat) < MILLISECONDS;
  return Math.min(exp - now, isSane ? exp - iat : Infinity);
}

/** Checks that `exp` (RFC 7519 §4.1.4) is present, in seconds, and far enough ahead. */
export function checkLifetime(given: Given): Finding {
  const { claims } = given.token;
  if (Number(claims?.exp) >= MILLISECONDS) {
    return wrong(`The token's "exp" is in milliseconds. JWTs count seconds (RFC 7519): divide it by 1000.`);
  }
  const ms = remaining(given);
  if (ms === undefined) {
    return claims
      ? wrong(`The token has no "exp": it never expires, and nothing says when to refresh it. ${ADVICE}`)
      : note("The token is not a JWT, and there is no expires_in: nothing says when it expires.");
  }
  const seconds = Math.floor(ms / 1000);
  if (ms <= 0) return wrong(`The token has expired (${-seconds} s ago). Sign a new one for each request.`);
  if (ms < 60_000) return wrong(`The token is valid for only ${seconds} s, under a minute. ${ADVICE}`);
  if (ms > 86_400_000) {
    return note(
      `The token is valid for ${Math.round(seconds / 3600)} hours, also for anyone who steals it. ${ADVICE}`,
    );
  }
  return right(`The token is valid for ${seconds} s.`);
}
