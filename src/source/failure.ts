import { CubeTokenError, type CubeTokenErrorOptions, checked, isCubeTokenError } from "../errors.js";

/** What identity providers' libraries reject with once the session is over (OpenID Connect Core §3.1.2.6, RFC 6749 §5.2). */
const SIGNED_OUT: unknown[] = ["login_required", "interaction_required", "consent_required", "invalid_grant"];

/**
 * What the application's own code, or the network, threw: as an error of this package.
 *
 * @param code where it is none, and does not mean that the user is signed out.
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
    // Not even readable.
  }
  return new CubeTokenError(code, message, options);
}

export const timedOut = (timeout: number, about?: CubeTokenErrorOptions): CubeTokenError =>
  new CubeTokenError("ERR_TIMEOUT", `No complete answer within ${timeout} ms. See requestTimeout.`, about);
