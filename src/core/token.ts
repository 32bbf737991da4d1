import { CubeTokenError } from "../errors.js";

/** A token and what it says of itself; instants are milliseconds since the epoch, on the clock of whoever signed it. */
export interface Token {
  readonly value: string;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly exp?: number | undefined;
  readonly iat?: number | undefined;
  readonly nbf?: number | undefined;
}

/** The largest instant that a `Date` can hold; an absurd `exp` ends here. */
const END_OF_TIME = 8.64e15;

const invalid = (message: string) => new CubeTokenError("ERR_INVALID_TOKEN", message);

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

/** The claims of a JWT: base64url of UTF-8 of JSON (RFC 7515 §3.1). `atob` knows neither the alphabet nor UTF-8. */
function decode(token: string): unknown {
  const base64 = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = atob(base64).replace(/./gs, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return JSON.parse(decodeURIComponent(bytes));
}

/** NumericDate (RFC 7519 §2): seconds, fractions allowed. Cube refuses a string there ("invalid exp value"), so do we. */
function instant(claims: Record<string, unknown>, name: "exp" | "nbf"): number | undefined {
  const seconds = claims[name];
  if (seconds === undefined) return undefined;
  if (typeof seconds !== "number") {
    throw invalid(`"${name}" is no number. Sign tokens whose ${name} is in seconds (RFC 7519 §4.1).`);
  }
  return Math.min(seconds * 1000, END_OF_TIME);
}

/**
 * Reads what a token says of itself, without verifying it: that is the server's part.
 *
 * @throws {CubeTokenError} `ERR_INVALID_TOKEN` for what is no b64token (RFC 6750 §2.1), or is a JWT that does not decode.
 */
export function readToken(value: string): Token {
  if (!/^[\w\-.~+/]+=*$/.test(value)) {
    throw invalid("Not a token (RFC 6750 §2.1). Answer with the bare token: no scheme, spaces or quotes.");
  }
  const parts = value.split(".").length;
  const looksLikeJwt = value.startsWith("eyJ");
  // Five parts are an encrypted JWT (RFC 7516): only the server can look inside.
  if (parts !== 3) {
    if (looksLikeJwt && parts !== 5) {
      throw invalid(`A JWT has 3 parts, this has ${parts}. Was it cut off?`);
    }
    return { value };
  }
  let claims: Record<string, unknown> | undefined;
  try {
    claims = freeze(decode(value)) as Record<string, unknown>;
  } catch {
    // The parser's own message quotes the token, so it is not kept as the cause.
  }
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) {
    throw invalid("The JWT does not decode. Was it cut off or changed on its way?");
  }
  const { iat } = claims;
  return {
    value,
    claims,
    exp: instant(claims, "exp"),
    nbf: instant(claims, "nbf"),
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
