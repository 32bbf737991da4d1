import { CubeTokenError } from "../errors.js";

const shown = new WeakMap<CubeTokenError, CubeTokenError>();

/** The error as events and snapshots carry it, without its `cause`: an application's own error may quote headers. */
export function withoutCause(error: CubeTokenError): CubeTokenError {
  // A CubeTokenError has six fields. One that an application made may have more.
  if (error.cause === undefined && Object.keys(error).length < 7) return error;
  const { code, message, status, retryAfter, url, contentType } = error;
  // Not `...error`: a cause that was assigned later would be copied.
  const bare =
    shown.get(error) ?? new CubeTokenError(code, message, { status, retryAfter, url, contentType });
  shown.set(error, bare);
  return bare;
}
