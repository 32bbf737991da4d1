import { CubeTokenError } from "../errors.js";

const shown = new WeakMap<CubeTokenError, CubeTokenError>();

/** The same error as events and snapshots carry it: an application's own error underneath may quote headers. */
export function withoutCause(error: CubeTokenError): CubeTokenError {
  if (error.cause === undefined) return error;
  const bare = shown.get(error) ?? new CubeTokenError(error.code, error.message, { ...error });
  shown.set(error, bare);
  return bare;
}
