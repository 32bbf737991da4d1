import { CubeTokenError, type CubeTokenErrorOptions, checked, isCubeTokenError } from "../errors.js";

/** Errors of identity providers' libraries once the session is over (OpenID Connect Core §3.1.2.6, RFC 6749 §5.2). */
const SIGNED_OUT: unknown[] = ["login_required", "interaction_required", "consent_required", "invalid_grant"];

/**
 * Turns what the application's own code or the network threw into an error of this package.
 *
 * @param code used unless it is such an error already, or means that the user is signed out.
 */
export function toTokenError(
  thrown: unknown,
  code: "ERR_NETWORK" | "ERR_SOURCE",
  message: string,
  about?: CubeTokenErrorOptions,
): CubeTokenError {
  const options = { ...about, cause: thrown };
  try {
    if (isCubeTokenError(thrown)) return checked(thrown);
    const { error, errorCode } = Object(thrown);
    const signedOut = [error, errorCode].find((value) => SIGNED_OUT.includes(value));
    if (signedOut) {
      message = `The session is over (${signedOut}): sign in again.`;
      return new CubeTokenError("ERR_UNAUTHENTICATED", message, options);
    }
  } catch {
    // A getter or proxy may throw.
  }
  return new CubeTokenError(code, message, options);
}

export const timedOut = (timeout: number, about?: CubeTokenErrorOptions): CubeTokenError =>
  new CubeTokenError(
    "ERR_TIMEOUT",
    `No complete answer ${about?.url ? `from ${about.url} ` : ""}within ${timeout} ms. See requestTimeout.`,
    about,
  );
