/**
 * What went wrong. Messages may change, codes do not.
 *
 * | code | meaning | retried |
 * |---|---|---|
 * | `ERR_NETWORK` | the endpoint could not be reached: offline, DNS, CORS | yes |
 * | `ERR_TIMEOUT` | no complete answer within `requestTimeout` | yes |
 * | `ERR_SOURCE` | `fetchToken` threw or rejected, see `cause` | yes |
 * | `ERR_HTTP_STATUS` | a status other than 2xx, 401 or 403 | 408, 425, 429 and 5xx |
 * | `ERR_UNAUTHENTICATED` | the user is signed out: 401, a redirect to a page, `null`, or an OAuth error that says so | no |
 * | `ERR_FORBIDDEN` | 403: signed in, but not allowed; or a firewall blocked the request | no |
 * | `ERR_INVALID_RESPONSE` | the answer contains no token | no |
 * | `ERR_INVALID_TOKEN` | the token is malformed or not valid yet, or Cube rejected two in a row | no |
 * | `ERR_TOKEN_EXPIRED` | the source returned an expired token | no |
 * | `ERR_ABORTED` | the caller's own `signal` was aborted | no |
 * | `ERR_CLEARED` | signed out while waiting, here or in another tab | no |
 * | `ERR_DISPOSED` | `dispose()` was called | no |
 *
 * @example
 * const isSignedOut = (error: unknown) => isCubeTokenError(error) && error.code === "ERR_UNAUTHENTICATED";
 */
export type CubeTokenErrorCode =
  | "ERR_NETWORK"
  | "ERR_TIMEOUT"
  | "ERR_SOURCE"
  | "ERR_HTTP_STATUS"
  | "ERR_UNAUTHENTICATED"
  | "ERR_FORBIDDEN"
  | "ERR_INVALID_RESPONSE"
  | "ERR_INVALID_TOKEN"
  | "ERR_TOKEN_EXPIRED"
  | "ERR_ABORTED"
  | "ERR_CLEARED"
  | "ERR_DISPOSED";

/** A longer `Retry-After` counts as an hour: beyond that it is a mistake or an attack. */
export const MAX_RETRY_AFTER = 3_600_000;

/**
 * Details of a {@link CubeTokenError}.
 *
 * @example
 * const details: CubeTokenErrorOptions = { status: 503, retryAfter: 5_000 };
 * throw new CubeTokenError("ERR_HTTP_STATUS", "The token service is down.", details);
 */
export interface CubeTokenErrorOptions {
  /**
   * The original error.
   * @example
   * throw new CubeTokenError("ERR_NETWORK", "The bridge did not answer.", { cause: error });
   */
  cause?: unknown;
  /**
   * HTTP status of the endpoint's answer, 100 to 999; anything else is ignored.
   * @example
   * throw new CubeTokenError("ERR_HTTP_STATUS", "The token service is down.", { status: response.status });
   */
  status?: number | undefined;
  /**
   * Milliseconds to wait before the next attempt (`Retry-After`, RFC 9110 §10.2.3), an hour at most; anything but a
   * number of 0 or more is ignored.
   * @example
   * throw new CubeTokenError("ERR_HTTP_STATUS", "The token service is down.", { status: 429, retryAfter: 30_000 });
   */
  retryAfter?: number | undefined;
  /**
   * The endpoint, without its query.
   * @example
   * throw new CubeTokenError("ERR_HTTP_STATUS", "The token service is down.", { url: "https://auth.example.com/token" });
   */
  url?: string | undefined;
  /**
   * Media type of the endpoint's answer.
   * @example
   * throw new CubeTokenError("ERR_INVALID_RESPONSE", "No token in the answer.", { contentType: "text/html" });
   */
  contentType?: string | undefined;
}

const asText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/**
 * The error that all promises of this package reject with. The message says what to do next, and never contains a token
 * or a response body.
 *
 * Your own `fetchToken` may throw one, too: its `code` decides whether another attempt follows.
 *
 * @example
 * // Not retried: the user has to sign in.
 * throw new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.");
 */
export class CubeTokenError extends Error {
  /**
   * The same in every copy of this package.
   * @example
   * const isOurs = error instanceof Error && error.name === "CubeTokenError";
   */
  override readonly name = "CubeTokenError";
  /**
   * What went wrong.
   * @example
   * if (isCubeTokenError(error) && error.code === "ERR_FORBIDDEN") showMessage("You may not see this dashboard.");
   */
  readonly code: CubeTokenErrorCode;
  /**
   * HTTP status of the endpoint's answer, if there was one.
   * @example
   * if (isCubeTokenError(error) && error.status === 503) showMessage("Sign-in is down for maintenance.");
   */
  readonly status: number | undefined;
  /**
   * Milliseconds to wait before the next attempt, if the endpoint said so; an hour at most.
   * @example
   * if (isCubeTokenError(error) && error.retryAfter) setTimeout(() => location.reload(), error.retryAfter);
   */
  readonly retryAfter: number | undefined;
  /**
   * The endpoint's URL without its query, if there is one.
   * @example
   * if (isCubeTokenError(error)) console.error(error.code, error.url);
   */
  readonly url: string | undefined;
  /**
   * Media type of the endpoint's answer, if it named one.
   * @example
   * const isPage = isCubeTokenError(error) && error.contentType === "text/html";
   */
  readonly contentType: string | undefined;

  /**
   * @param options the original error, and details of the endpoint's answer.
   * @example
   * throw new CubeTokenError("ERR_HTTP_STATUS", "The token service is down.", { status: 503 });
   */
  constructor(
    code: CubeTokenErrorCode,
    message: string,
    { status = 0, retryAfter, url, contentType, ...rest }: CubeTokenErrorOptions = {},
  ) {
    super(message, rest);
    this.code = code;
    // Applications create these, too, in plain JavaScript.
    this.status = Number.isInteger(status) && status >= 100 && status < 1000 ? status : undefined;
    this.retryAfter =
      typeof retryAfter === "number" && retryAfter >= 0 ? Math.min(retryAfter, MAX_RETRY_AFTER) : undefined;
    this.url = asText(url);
    this.contentType = asText(contentType);
  }

  /**
   * `instanceof` is equivalent to {@link isCubeTokenError}: `require` and `import` in one program load two copies.
   * @example
   * if (error instanceof CubeTokenError) showMessage(error.message);
   */
  static override [Symbol.hasInstance](value: unknown): value is CubeTokenError {
    // Also true for an object without its name: Babel's classes (React Native) check that during construction.
    // biome-ignore lint/complexity/noThisInStatic: a class derived from this one asks for its own instances.
    return super[Symbol.hasInstance](value) || (this === CubeTokenError && isCubeTokenError(value));
  }
}

/**
 * Whether a value is a {@link CubeTokenError}, also one of another copy of this package (a script tag beside a bundle).
 *
 * @example
 * if (isCubeTokenError(error) && error.code === "ERR_UNAUTHENTICATED") location.assign("/sign-in");
 */
export const isCubeTokenError = (value: unknown): value is CubeTokenError =>
  value instanceof Error &&
  value.name === "CubeTokenError" &&
  typeof (value as Partial<CubeTokenError>).code === "string";

/** The error, or a corrected copy if a field is invalid: it may be from another copy of this package, or changed. */
export function checked(error: CubeTokenError): CubeTokenError {
  const clean = new CubeTokenError(error.code, error.message, { ...error, cause: error });
  const names = ["message", "status", "retryAfter", "url", "contentType"] as const;
  return names.every((name) => clean[name] === error[name]) ? error : clean;
}

/** Whether asking the source again can help: a temporary failure may pass, a wrong answer stays wrong. */
export const isRetryable = ({ code, status }: CubeTokenError): boolean =>
  /NETWORK|TIMEOUT|SOURCE/.test(code) ||
  (code === "ERR_HTTP_STATUS" && /^(408|425|429|5..)$/.test(String(status)));
