import { jwtDecode } from "jwt-decode";
import { CubeTokenError, type CubeTokenErrorOptions } from "../errors.js";

/** A token and its claims. Instants are milliseconds since the epoch, on the issuer's clock. */
export interface Token {
  readonly value: string;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly exp?: number | undefined;
  readonly iat?: number | undefined;
  readonly nbf?: number | undefined;
}

/** The largest instant that a `Date` can hold. An absurd `exp` is capped to it. */
export const END_OF_TIME = 8.64e15;

/**
 * Decodes the claims. `jwtDecode` works character by character, which takes longer than the rest of a first call, so it
 * is only used for text beyond ASCII.
 *
 * @throws if the payload is not base64url or not JSON.
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
 * Parses a token without verifying it, which is the server's job.
 *
 * @param about where it came from, for the error.
 * @throws {CubeTokenError} `ERR_INVALID_TOKEN` if it is not a token, or a JWT that cannot be decoded.
 */
export function readToken(value: string, about?: CubeTokenErrorOptions): Token {
  const invalid = (message: string) => new CubeTokenError("ERR_INVALID_TOKEN", message, about);
  // Allows more than a b64token (RFC 6750 §2.1): Laravel Sanctum's contain "|". Excludes what an unset variable becomes.
  if (!/^(?!(undefined|null|NaN|true|false)$)[!#-&(-+\--:<-~]+$/.test(value)) {
    throw invalid(
      /^bearer\s/i.test(value)
        ? 'The token begins with "Bearer". Return the bare token.'
        : "Not a token: it has spaces, commas, semicolons or quotes, or is a word like undefined.",
    );
  }
  const { length, 1: payload } = value.split(".");
  // Five parts are an encrypted JWT (RFC 7516): only the server can read it.
  if (length !== 3) {
    if (value.startsWith("eyJ") && length !== 5) {
      throw invalid(`A JWT has 3 parts, not ${length}. Was it cut off?`);
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
    throw invalid("The JWT cannot be decoded. Was it cut off?");
  }
  const { iat } = claims;
  /** NumericDate (RFC 7519 §2): seconds, fractions allowed. Cube rejects anything else, too ("invalid exp value"). */
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
 * Returns what Cube will see as its security context.
 *
 * Follows the server's `createSecurityContextExtractor` (`@cubejs-backend/api-gateway`, `src/gateway.ts`): with a
 * namespace only that claim, or `{}` if it is missing; otherwise all claims, with those in the legacy `u` moved to the
 * top level.
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
