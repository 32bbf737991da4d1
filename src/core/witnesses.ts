import type { Token } from "./token.js";

/** Witnesses this close to each other agree, however short the lifetime (ms). */
const CLOSE = 30_000;
/** Two tokens are of the same age when their `iat`s (whole seconds) are as far apart as their arrivals. */
const SAME_AGE = 1500;
/** A time in whole seconds lies, on average, half a second before the instant that it stands for. */
export const HALF_SECOND = 500;
/** What is left of an age that a wrong clock has made up: an endpoint may cache, an issuer date back. */
const PLAUSIBLE_AGE = 1 / 5;
/** Wall and monotonic clock further apart than this since the last look: the machine slept, or somebody set the clock. */
export const JUMP = 1000;
/** Local clocks are off by a day either way, and servers' clocks hardly more. */
export const FAR_OFF = 2 * 86_400_000;
/** An instant beyond this (the year 5138) was given in milliseconds where seconds belong. */
const MAX_INSTANT = 1e14;

/** The `Date` of an answer (RFC 9110 §6.6.1): then it was between these; by `Age` it was stored for so long (ms). */
export interface ServerDate {
  readonly earliest: number;
  readonly latest: number;
  readonly age: number;
}

/** What a token says of the time. */
export interface Claims extends Pick<Token, "iat" | "nbf" | "exp"> {
  /** A hash by which it is known again; the token itself is not kept. */
  readonly mark?: number;
}

/** When a token was issued, where it says so credibly: before its end, and in seconds. Else `NaN`. */
export const issuedAt = ({ iat = NaN, exp = Infinity }: Claims = {}): number =>
  iat < exp && iat < MAX_INSTANT ? iat : NaN;

export const isSame = ({ mark }: Claims, previous: Claims | undefined): boolean =>
  mark !== undefined && mark === previous?.mark;

/** The token that came before this one. */
export interface Previous extends Claims {
  /** The server's time when it came, by the estimate. */
  readonly now: number;
  /** The `Date` of its answer, with `Age`. */
  readonly stamp: number;
}

/** What can be known of the server's time as an answer arrives. All instants in milliseconds since the epoch. */
export interface Witnesses {
  /** The estimate so far. */
  readonly now: number;
  /** The same, where a jump of the wall clock since the last answer was somebody who set it, and no sleep. */
  readonly awake: number;
  /** What the local clock shows. */
  readonly wall: number;
  /** The estimate is what the local clock said, or two witnesses agreed on it: it is a witness in its own right. */
  readonly proven: boolean;
  /** The estimate comes from a `Date` header, and no jump has put it in doubt since. */
  readonly certain: boolean;
  readonly date: ServerDate | undefined;
  readonly claims: Claims;
  /** It is the token that is held. */
  readonly same: boolean;
  readonly previous: Previous | undefined;
  /** How long ago that came, by the monotonic clock. */
  readonly since: number;
}

export type Estimate = Pick<Witnesses, "now" | "proven" | "certain">;

/** The `Date` of an answer with its `Age`; a fresh one of the same token differs from the one before. */
export const stampOf = (date: ServerDate | undefined): number => (date ? date.earliest + date.age : NaN);

/** An estimate that fits is better than the middle of an interval that is a second wide. */
function instantOf({ earliest, latest }: ServerDate, age: number, now: number): number {
  return now >= earliest + age && now <= latest + age ? now : (earliest + latest) / 2 + age;
}

const result = (now: number, proven: boolean, certain: boolean): Estimate => ({ now, proven, certain });

/**
 * The server's time, by its witnesses: `Date` with `Age` and without, the local clock, and `iat` and `exp` of the token.
 *
 * Two that agree outvote the rest. Where none agree: `Date`, unless the token would be dead or not yet issued under it;
 * else the local clock on the same terms; else `iat`.
 */
export function estimate(witnesses: Witnesses): Estimate {
  const { now, awake, wall, proven, certain, date, claims, previous, since } = witnesses;
  const { exp = Infinity, nbf = -Infinity } = claims;
  const unchanged = result(now, proven, certain);

  if (witnesses.same || isSame(claims, previous)) {
    // The same token once more says nothing of the time; nor does the Date of a stored answer.
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
  // What a cache has kept for so long is at least that old.
  const told = issued + age < exp ? issued + age : issued;

  // How close an instant comes to a witness of another kind. After its end a token says nothing.
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
    // Of those that agree Date is the best clock.
    agreed.sort((a, b) => Number(b.isDate) - Number(a.isDate));
    const { at, isDate } = agreed.find((one) => lives(one.at, tolerance)) ?? agreed[0]!;
    // Nobody signs a token in the future.
    const isEarly = at < issued && issued - at <= tolerance;
    return result(isEarly ? issued + HALF_SECOND : at, true, certain || isDate);
  }

  // Of a Date that is further off than clocks are, the token may only seem to have long to live.
  const sane = dates.find((at) => lives(at) && (at > now - FAR_OFF || !lives(now)));
  if (sane !== undefined) return result(sane, false, true);
  if (certain && !date) return unchanged;
  const before = issuedAt(previous);
  // Two tokens in a row of the very same age, and a great one: the clock is wrong.
  const isSteady = Math.abs(issued - before - since) < SAME_AGE;
  const alive = clocks.find((at) => lives(at) && !(isSteady && at - issued > life / 2 + SAME_AGE));
  if (alive !== undefined) return result(alive, proven, certain);
  // An earlier token was issued, and so much time has passed.
  const floor = previous && before ? Math.min(before, previous.now) + since : -Infinity;
  if (issued && exp > floor) {
    const guess = told + (isSteady && lives(now) ? life * PLAUSIBLE_AGE : HALF_SECOND);
    return result(Math.max(guess, floor), false, false);
  }
  if (date) return result(dates[0]!, false, true);
  if (nbf > now && nbf - now < FAR_OFF) return result(nbf + HALF_SECOND, false, certain);
  // A clock that went ahead and came back.
  return lives(wall) && wall >= floor ? result(wall, true, false) : unchanged;
}
