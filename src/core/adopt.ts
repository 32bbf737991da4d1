import { CubeTokenError } from "../errors.js";
import type { Answer } from "../source/source.js";
import { rest } from "./budget.js";
import { hold } from "./held.js";
import { place } from "./schedule.js";
import { AT_ONCE, type Change, type Known } from "./state.js";
import { readToken, type Token } from "./token.js";

/** Servers' clocks differ by a little, and a `Date` header is a second wide. */
const NBF_TOLERANCE = 2000;

export const expired = () =>
  new CubeTokenError(
    "ERR_TOKEN_EXPIRED",
    "The source serves a token that has expired. Does the endpoint cache it, or is its clock wrong?",
  );

/**
 * What changes with the source's answer: the token in service, unless it is the one that we have.
 *
 * @param since when it was asked for, on the local wall clock. @param at when it came.
 * @throws {CubeTokenError} on a dead token, and on one that is none.
 */
export function adopt(
  state: Known,
  { token: value, expiresIn, date }: Answer,
  since: number,
  at: number,
  random: number,
): Change {
  const { clock, held, failures } = state;
  if (date) clock.sync(...date);
  const token: Token = value === null ? { value: "" } : readToken(value);
  const same = held?.token.value === token.value;
  const { exp, nbf } = token;
  // `expires_in` counts from the answer: from the request is on the safe side.
  const expiresAt = exp ?? state.askedAt - clock.elapsed() + clock.now() + (expiresIn ?? Infinity);
  const iat = token.iat ?? (exp !== undefined && expiresIn ? exp - expiresIn : undefined);
  clock.learn({ ...token, iat }, same && held!.refused);
  const instant = clock.read();
  const { now } = instant;
  if (expiresAt <= now) throw expired();
  if (nbf !== undefined && nbf > now + NBF_TOLERANCE) {
    throw new CubeTokenError(
      "ERR_INVALID_TOKEN",
      "The token is not valid yet. Sign tokens whose nbf is not ahead.",
    );
  }
  if (same && !held!.refused && expiresAt <= held!.expiresAt) return rest(state, instant);
  const draw = place(random, !held || failures > 0);
  return {
    ...AT_ONCE,
    // Cube's refusals are forgotten only once a token has lived its life.
    failures: held?.refused ? failures + Number(same) : 0,
    held: hold(token, now, expiresAt, { draw, since, at }, state.options),
  };
}
