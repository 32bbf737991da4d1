import type { Token } from "./token.js";

/** Witnesses this close to each other agree, however short the lifetime (ms). */
const CLOSE = 30_000;
/** Two tokens have the same age if their `iat`s (whole seconds) are as far apart as their arrivals. */
const SAME_AGE = 1500;
/** A time in whole seconds is, on average, half a second earlier than the actual instant. */
export const HALF_SECOND = 500;
/** The age still assumed when a wrong clock makes a token look old: an endpoint may cache, an issuer may backdate. */
const PLAUSIBLE_AGE = 1 / 5;
/** If wall and monotonic clock diverge by more than this (ms), the machine slept or the clock was set. */
export const JUMP = 1000;
/** Local clocks may be off by a day either way, and servers' clocks hardly more (ms). */
export const FAR_OFF = 2 * 86_400_000;
/** An instant beyond this (the year 5138) was given in milliseconds instead of seconds. */
const MAX_INSTANT = 1e14;

/** The bounds of an answer's `Date` (RFC 9110 §6.6.1), and how long a cache stored it according to `Age` (ms). */
export interface ServerDate {
  readonly earliest: number;
  readonly latest: number;
  readonly age: number;
}

/** A token's time claims. */
export interface Claims extends Pick<Token, "iat" | "nbf" | "exp"> {
  /** A hash to recognize the token by; the token itself is not kept. */
  readonly mark?: number;
}

/** When a token was issued, if its `iat` is credible: before `exp`, and in seconds. Otherwise `NaN`. */
export const issuedAt = ({ iat = NaN, exp = Infinity }: Claims = {}): number =>
  iat < exp && iat < MAX_INSTANT ? iat : NaN;

export const isSame = ({ mark }: Claims, previous: Claims | undefined): boolean =>
  mark !== undefined && mark === previous?.mark;

/** The previous token. */
export interface Previous extends Claims {
  /** The estimate of the server's time when it arrived. */
  readonly now: number;
  /** The `Date` of its answer plus `Age`. */
  readonly stamp: number;
}

/** Everything known about the server's time when an answer arrives. All instants in milliseconds since the epoch. */
export interface Witnesses {
  /** The estimate so far. */
  readonly now: number;
  /** The same, if a jump of the wall clock since the last answer means that it was set, not that the machine slept. */
  readonly awake: number;
  /** The local wall clock. */
  readonly wall: number;
  /** The estimate equals the local clock, or two witnesses agreed on it: it counts as a witness itself. */
  readonly proven: boolean;
  /** The estimate comes from a `Date` header, and no clock jump has cast doubt on it since. */
  readonly certain: boolean;
  readonly date: ServerDate | undefined;
  readonly claims: Claims;
  /** The answer contains the current token. */
  readonly same: boolean;
  readonly previous: Previous | undefined;
  /** How long ago the previous token arrived, by the monotonic clock (ms). */
  readonly since: number;
}

export type Estimate = Pick<Witnesses, "now" | "proven" | "certain">;

/** `Date` plus `Age`, by which a fresh answer with the same token differs from the previous one. */
export const stampOf = (date: ServerDate | undefined): number => (date ? date.earliest + date.age : NaN);

/** An estimate within the interval, which is a second wide, is better than the middle of it. */
function instantOf({ earliest, latest }: ServerDate, age: number, now: number): number {
  return now >= earliest + age && now <= latest + age ? now : (earliest + latest) / 2 + age;
}

const result = (now: number, proven: boolean, certain: boolean): Estimate => ({ now, proven, certain });

/**
 * Estimates the server's time from its witnesses: `Date` with and without `Age`, the local clock, and the token's `iat`
 * and `exp`.
 *
 * Two that agree outvote the rest. If none agree: `Date`, unless by it the token would have expired or not been issued
 * yet; otherwise the local clock on the same terms; otherwise `iat`.
 */
export function estimate(witnesses: Witnesses): Estimate {
  const { now, awake, wall, proven, certain, date, claims, previous, since } = witnesses;
  const { exp = Infinity, nbf = -Infinity } = claims;
  const unchanged = result(now, proven, certain);

  if (witnesses.same || isSame(claims, previous)) {
    // The same token again says nothing about the time; neither does the Date of a stored answer.
    const stamp = stampOf(date);
    const isStored = previous && Math.abs(stamp - previous.stamp) < HALF_SECOND;
    const isSet = Math.abs(stamp - awake) <= CLOSE && Math.abs(stamp - now) > CLOSE;
    return isSet && !isStored ? result(awake, proven, true) : unchanged;
  }

  const issued = issuedAt(claims);
  const life = exp - issued || 0;
  const tolerance = Math.max(CLOSE, life / 4);
  const lives = (at: number, slack = 0) => at >= (issued || nbf) - slack && at < exp;
  const age = date ? date.age : 0;
  const dates = date ? [age, 0].map((more) => instantOf(date, more, now)) : [];
  const clocks = now - awake > JUMP && lives(awake, tolerance) ? [now, awake] : [now];
  const local = proven ? clocks : [wall];
  // A token that a cache has kept for a while is at least that old.
  const told = issued + age < exp ? issued + age : issued;

  // How close an instant is to a witness of another kind. After its expiry a token is no witness.
  const vote = (at: number, others: readonly number[], isDate = false) => {
    const gaps = [(at < exp && told) || Infinity, ...others].map((other) => Math.abs(at - other));
    return { at, isDate, gap: Math.min(...gaps) };
  };
  const votes = [
    ...dates.map((at) => vote(at, local, true)),
    ...local.map((at) => vote(at, dates)),
    ...clocks.map((at) => vote(at, [])),
  ].sort((a, b) => a.gap - b.gap);
  const { gap } = votes[0]!;
  if (gap <= tolerance) {
    const agreed = votes.filter((one) => one.gap <= Math.max(gap, life / 4));
    // Of the witnesses that agree, Date is the best clock.
    agreed.sort((a, b) => Number(b.isDate) - Number(a.isDate));
    const { at, isDate } = agreed.find((one) => lives(one.at, tolerance)) ?? agreed[0]!;
    // Tokens are not issued in the future.
    const isEarly = at < issued && issued - at <= tolerance;
    return result(isEarly ? issued + HALF_SECOND : at, true, certain || isDate);
  }

  // A token always seems valid by a Date that is far behind: if it is also valid by the estimate, such a Date is ignored.
  const sane = dates.find((at) => lives(at) && (at > now - FAR_OFF || !lives(now)));
  if (sane !== undefined) return result(sane, false, true);
  if (certain && !date) return unchanged;
  const before = issuedAt(previous);
  // Two tokens in a row have the same large age: the clock is wrong.
  const isSteady = Math.abs(issued - before - since) < SAME_AGE;
  const alive = clocks.find((at) => lives(at) && !(isSteady && at - issued > life / 2 + SAME_AGE));
  if (alive !== undefined) return result(alive, proven, certain);
  // The earliest possible time: when the previous token was issued, plus the time since it arrived.
  const floor = previous && before ? Math.min(before, previous.now) + since : -Infinity;
  if (issued && exp > floor) {
    const guess = told + (isSteady && lives(now) ? life * PLAUSIBLE_AGE : HALF_SECOND);
    return result(Math.max(guess, floor), false, false);
  }
  if (date) return result(dates[0]!, false, true);
  if (nbf > now && nbf - now < FAR_OFF) return result(nbf + HALF_SECOND, false, certain);
  // A clock that was ahead and has been set back.
  return lives(wall) && wall >= floor ? result(wall, true, false) : unchanged;
}
