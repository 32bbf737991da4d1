import { jwtDecode } from "jwt-decode";
import { CubeTokenError, type CubeTokenErrorOptions } from "../errors.js";

/** A token and what it says of itself; instants are milliseconds since the epoch, on the clock of whoever signed it. */
export interface Token {
  readonly value: string;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly exp?: number | undefined;
  readonly iat?: number | undefined;
  readonly nbf?: number | undefined;
}

/** The largest instant that a `Date` can hold; an absurd `exp` ends here. */
export const END_OF_TIME = 8.64e15;

/**
 * The claims. The decoder goes letter by letter, which takes longer than all the rest of a first call: it is for text
 * that needs it, beyond ASCII.
 *
 * @throws on what is no base64url, and no JSON.
 */
function decode(jwt: string, payload: string): Record<string, unknown> {
  const text = atob(payload.replace(/-/g, "+").replace(/_/g, "/"));
  return /[\x80-\xff]/.test(text) ? jwtDecode(jwt) : JSON.parse(text);
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

/**
 * Reads what a token says of itself, without verifying it: that is the server's part.
 *
 * @param about where it came from, for the error.
 * @throws {CubeTokenError} `ERR_INVALID_TOKEN` for what is no token, or is a JWT that does not decode.
 */
export function readToken(value: string, about?: CubeTokenErrorOptions): Token {
  const invalid = (message: string) => new CubeTokenError("ERR_INVALID_TOKEN", message, about);
  // More than a b64token (RFC 6750 §2.1), for Laravel Sanctum's have a "|"; and not what a forgotten variable becomes.
  if (!/^(?!(undefined|null|NaN|true|false)$)[!#-&(-+\--:<-~]+$/.test(value)) {
    throw invalid(
      /^bearer\s/i.test(value)
        ? 'The token begins with "Bearer". Answer with the bare token.'
        : "Not a token: it has spaces, commas, semicolons or quotes, or is a word like undefined.",
    );
  }
  const { length, 1: payload } = value.split(".");
  // Five parts are an encrypted JWT (RFC 7516): only the server can look inside.
  if (length !== 3) {
    if (value.startsWith("eyJ") && length !== 5) {
      throw invalid(`A JWT has 3 parts, this has ${length}. Was it cut off?`);
    }
    return { value };
  }
  let claims: Record<string, unknown> | undefined;
  try {
    claims = freeze(decode(value, payload!));
  } catch {
    // The decoder's message quotes the token, so it is not kept as the cause.
  }
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) {
    throw invalid("The JWT does not decode. Was it cut off?");
  }
  const { iat } = claims;
  /** NumericDate (RFC 7519 §2): seconds, fractions allowed. Cube refuses anything else ("invalid exp value"), so do we. */
  const instant = (name: "exp" | "nbf"): number | undefined => {
    const seconds = claims[name];
    if (seconds === undefined) return undefined;
    if (typeof seconds !== "number") {
      throw invalid(`"${name}" must be a number of seconds (RFC 7519).`);
    }
    return Math.max(-END_OF_TIME, Math.min(seconds * 1000, END_OF_TIME));
  };
  return {
    value,
    claims,
    exp: instant("exp"),
    nbf: instant("nbf"),
    iat: typeof iat === "number" && Math.abs(iat * 1000) < END_OF_TIME ? iat * 1000 : undefined,
  };
}

/**
 * What Cube will see as its security context.
 *
 * Same rules as the server's `createSecurityContextExtractor`
 * (`@cubejs-backend/api-gateway`, `src/gateway.ts`): with a namespace that claim alone, `{}` where it is missing;
 * otherwise all claims, with those of the legacy `u` lifted up.
 */
export function securityContext(
  claims: Readonly<Record<string, unknown>>,
  claimsNamespace?: string,
): Record<string, unknown> {
  if (claimsNamespace) {
    return (claimsNamespace in claims ? claims[claimsNamespace] : {}) as Record<string, unknown>;
  }
  const { u, ...rest } = claims;
  return u ? { ...rest, ...(u as object) } : { ...claims };
}
