import { CubeTokenError, type CubeTokenErrorOptions } from "../errors.js";
import type { Answer } from "../source/source.js";
import { rest } from "./budget.js";
import { hold } from "./held.js";
import { type Margins, MIN_LIFE, place } from "./schedule.js";
import type { Change, Instant, State } from "./state.js";
import { readToken, type Token } from "./token.js";
import { type Claims, issuedAt } from "./witnesses.js";

/** Servers' clocks differ by a little, and a `Date` header is a second wide. */
export const NBF_TOLERANCE = 2000;

export const expired = (about?: CubeTokenErrorOptions) =>
  new CubeTokenError(
    "ERR_TOKEN_EXPIRED",
    "The source serves a token that has expired. Does the endpoint cache it, or is its clock wrong?",
    about,
  );

/** What the source has answered. */
export interface Received {
  readonly token: Token;
  /** What the answer says of the time; when the token was issued also by `expires_in`. */
  readonly claims: Claims;
  /** Lifetime in ms, where the answer told it. */
  readonly expiresIn: number | undefined;
  /** When it was asked for, and when it came, on the local wall clock. */
  readonly since: number;
  readonly at: number;
}

/** 32 bits are enough to know a token again. */
const hash = (text: string): number =>
  [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, 0);

/** @throws {CubeTokenError} on what is no token. */
export function receive({ token: value, expiresIn }: Answer, since: number, at: number): Received {
  const token: Token = value === null ? { value: "" } : readToken(value);
  const { exp, nbf } = token;
  const iat = issuedAt(token) || exp! - expiresIn!;
  const claims = { iat, nbf, exp, mark: hash(token.value) };
  return { token, claims, expiresIn, since, at };
}

/** Whether it is the token that is held. */
export const isSame = ({ held }: Pick<State, "held">, { token }: Pick<Received, "token">): boolean =>
  held?.token.value === token.value;

/**
 * What changes with the source's answer: the token in service, unless it is the one that we have.
 *
 * @param about the source, for the error.
 * @throws {CubeTokenError} on a token that is dead, or not valid yet.
 */
export function adopt(
  state: State & { readonly options: Margins },
  received: Received,
  instant: Instant,
  random: number,
  about?: CubeTokenErrorOptions,
): Change {
  const { held, failures, askedAt } = state;
  const { token, expiresIn = Infinity, since, at } = received;
  const { now, elapsed } = instant;
  const same = isSame(state, received);
  const { exp, nbf = -Infinity } = token;
  // `expires_in` counts from the answer: from the request is on the safe side.
  const expiresAt = exp ?? askedAt - elapsed + now + (expiresIn && Math.max(expiresIn, MIN_LIFE));
  if (expiresAt <= now) throw expired(about);
  if (nbf > now + NBF_TOLERANCE || nbf >= expiresAt) {
    throw new CubeTokenError(
      "ERR_INVALID_TOKEN",
      "The token is not valid yet: its nbf is in the future.",
      about,
    );
  }
  if (same && !held!.refused && expiresAt <= held!.expiresAt) return rest(state, instant);
  const draw = place(random, !held || failures > 0);
  return {
    ...pace(askedAt),
    // Cube's refusals are forgotten only once a token has lived its life.
    failures: held?.refused ? failures + Number(same) : 0,
    forgiven: failures,
    held: hold(token, now, expiresAt, { draw, since, at }, state.options),
  };
}

/** A source that answers is left alone for a second, however short its tokens live. @param askedAt by `Clock.elapsed()`. */
export function pace(askedAt: number): Change {
  const at = askedAt + MIN_LIFE;
  return { retryAt: at, callAt: at, aloneAt: at };
}
