import { CubeTokenError, type CubeTokenErrorOptions } from "../errors.js";
import type { Answer } from "../source/source.js";
import { rest } from "./budget.js";
import { hold } from "./held.js";
import { type Margins, MIN_LIFE, place } from "./schedule.js";
import type { Change, Instant, State } from "./state.js";
import { readToken, type Token } from "./token.js";
import { type Claims, issuedAt } from "./witnesses.js";

/** Servers' clocks differ slightly, and a `Date` header has a resolution of one second (ms). */
export const NBF_TOLERANCE = 2000;

export const expired = (about?: CubeTokenErrorOptions) =>
  new CubeTokenError(
    "ERR_TOKEN_EXPIRED",
    "The source returned an expired token. Does the endpoint cache it, or is its clock wrong?",
    about,
  );

/** An answer of the source, with its token parsed. */
export interface Received {
  readonly token: Token;
  /** The token's time claims. Without `iat`, the issue time is derived from `expires_in`. */
  readonly claims: Claims;
  /** Lifetime in ms, if the answer states it. */
  readonly expiresIn: number | undefined;
  /** When it was requested and when it arrived, on the local wall clock. */
  readonly since: number;
  readonly at: number;
}

/** 32 bits are enough to recognize a token. */
const hash = (text: string): number =>
  [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, 0);

/** @throws {CubeTokenError} if the answer's token is malformed. */
export function receive({ token: value, expiresIn }: Answer, since: number, at: number): Received {
  const token: Token = value === null ? { value: "" } : readToken(value);
  const { exp, nbf } = token;
  const iat = issuedAt(token) || exp! - expiresIn!;
  const claims = { iat, nbf, exp, mark: hash(token.value) };
  return { token, claims, expiresIn, since, at };
}

/** Whether the answer contains the current token. */
export const isSame = ({ held }: Pick<State, "held">, { token }: Pick<Received, "token">): boolean =>
  held?.token.value === token.value;

/**
 * The change that an answer causes: a new token replaces the current one; the current one, repeated, only sets a pause.
 *
 * @param about the source, for the error.
 * @throws {CubeTokenError} if the token has expired or is not valid yet.
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
  // `expires_in` counts from the answer. Counting from the request errs on the safe side.
  const expiresAt = exp ?? askedAt - elapsed + now + (expiresIn && Math.max(expiresIn, MIN_LIFE));
  if (expiresAt <= now) throw expired(about);
  if (nbf > now + NBF_TOLERANCE || nbf >= expiresAt) {
    throw new CubeTokenError(
      "ERR_INVALID_TOKEN",
      "The token's nbf is in the future. Is the issuer's clock wrong?",
      about,
    );
  }
  if (same && !held!.refused && expiresAt <= held!.expiresAt) return rest(state, instant);
  const draw = place(random, !held || failures > 0);
  return {
    ...pace(askedAt),
    // After a refusal, the series of failures ends only with a token that Cube accepts until its refresh is due.
    failures: held?.refused ? failures + Number(same) : 0,
    forgiven: failures,
    held: hold(token, now, expiresAt, { draw, since, at }, state.options),
  };
}

/** After an answer: a second between two requests, however short-lived the tokens. @param askedAt by `Clock.elapsed()`. */
export function pace(askedAt: number): Change {
  const at = askedAt + MIN_LIFE;
  return { retryAt: at, callAt: at, aloneAt: at };
}
