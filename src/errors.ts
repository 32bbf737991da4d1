/**
 * What went wrong, as a stable word.
 *
 * | code | meaning | asked again by itself |
 * |---|---|---|
 * | `ERR_NETWORK` | no answer: offline, DNS, CORS, or `fetchToken` rejected | yes |
 * | `ERR_TIMEOUT` | no complete answer within `requestTimeout` | yes |
 * | `ERR_HTTP_STATUS` | another status than 2xx, 401 or 403 | 408, 425, 429 and 5xx |
 * | `ERR_UNAUTHENTICATED` | 401 or 403: the user's own session is over | no |
 * | `ERR_INVALID_RESPONSE` | the answer holds no token | no |
 * | `ERR_INVALID_TOKEN` | the answer holds something that is no usable token | no |
 * | `ERR_TOKEN_EXPIRED` | the source serves a dead token | no |
 * | `ERR_ABORTED` | the caller's own `signal` | no |
 * | `ERR_CLEARED` | `clear()` was called while waiting | no |
 * | `ERR_DISPOSED` | `dispose()` was called | no |
 */
export type CubeTokenErrorCode =
  | "ERR_NETWORK"
  | "ERR_TIMEOUT"
  | "ERR_SOURCE"
  | "ERR_HTTP_STATUS"
  | "ERR_UNAUTHENTICATED"
  | "ERR_INVALID_RESPONSE"
  | "ERR_INVALID_TOKEN"
  | "ERR_TOKEN_EXPIRED"
  | "ERR_ABORTED"
  | "ERR_CLEARED"
  | "ERR_DISPOSED";

export interface CubeTokenErrorOptions {
  /** The error underneath. Never one that quotes a token or a body. */
  cause?: unknown;
  /** HTTP status of the endpoint's answer. */
  status?: number | undefined;
  /** Milliseconds after which the endpoint wants to be asked again (`Retry-After`, RFC 9110 §10.2.3). */
  retryAfter?: number | undefined;
}

/**
 * The one error that this package rejects with. The message says what to do next and never holds a token or a body.
 *
 * A `fetchToken` of your own may throw one as well, to say whether it is worth asking again:
 * `throw new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.")` is not retried.
 */
export class CubeTokenError extends Error {
  override readonly name = "CubeTokenError";
  readonly code: CubeTokenErrorCode;
  /** HTTP status of the endpoint's answer, where there was one. */
  readonly status: number | undefined;
  /** Milliseconds after which the endpoint wants to be asked again, where it said so. */
  readonly retryAfter: number | undefined;

  constructor(
    code: CubeTokenErrorCode,
    message: string,
    { status, retryAfter, ...rest }: CubeTokenErrorOptions = {},
  ) {
    super(message, rest);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** `instanceof` means what {@link isCubeTokenError} does: `require` and `import` in one program make two copies. */
  static override [Symbol.hasInstance](value: unknown): value is CubeTokenError {
    // biome-ignore lint/complexity/noThisInStatic: a class derived from this one asks for its own instances.
    return this === CubeTokenError ? isCubeTokenError(value) : super[Symbol.hasInstance](value);
  }
}

/** Tells a {@link CubeTokenError}, also one of another copy of this package (a script tag beside a bundle). */
export const isCubeTokenError = (value: unknown): value is CubeTokenError =>
  value instanceof Error && value.name === "CubeTokenError" && "code" in value;

/** Whether asking the source again can help: what passes by itself does, a wrong answer does not. */
export const isRetryable = ({ code, status = 0 }: CubeTokenError): boolean =>
  code === "ERR_NETWORK" ||
  code === "ERR_TIMEOUT" ||
  (code === "ERR_HTTP_STATUS" && (status === 408 || status === 425 || status === 429 || status >= 500));
