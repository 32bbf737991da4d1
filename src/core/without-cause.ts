import { CubeTokenError } from "../errors.js";

const shown = new WeakMap<CubeTokenError, CubeTokenError>();

/** The same error as events and snapshots carry it: an application's own error underneath may quote headers. */
export function withoutCause(error: CubeTokenError): CubeTokenError {
  // The fields of a CubeTokenError are six. An application's own may have more.
  if (error.cause === undefined && Object.keys(error).length < 7) return error;
  const { code, message, status, retryAfter, url, contentType } = error;
  // Not all of it: whoever made it may have assigned the cause later.
  const bare =
    shown.get(error) ?? new CubeTokenError(code, message, { status, retryAfter, url, contentType });
  shown.set(error, bare);
  return bare;
}
