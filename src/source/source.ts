/**
 * What `fetchToken` and `request` are called with.
 *
 * @example
 * const fetchToken = ({ signal }: SourceContext) => bridge.readToken(signal);
 */
export interface SourceContext {
  /**
   * Aborted after `requestTimeout`, and by `clear()` and `dispose()`.
   * @example
   * new CubeTokenManager({ fetchToken: ({ signal }) => bridge.readToken(signal) });
   */
  signal: AbortSignal;
  /**
   * The token that Cube rejected, if that is why a new one is requested: do not return it from a cache again.
   * @example
   * new CubeTokenManager({
   *   fetchToken: ({ rejectedToken }) => auth0.getTokenSilently({ cacheMode: rejectedToken ? "off" : "on" }),
   * });
   */
  rejectedToken?: string;
}

/**
 * What `fetchToken` may resolve to.
 *
 * - a token, bare or in one of the shapes that an endpoint may answer with. `expires_in` and `expiresIn` are its lifetime
 *   in **seconds** (RFC 6749 §5.1);
 * - `""`: no token is needed here (Cube's development mode). `getToken()` resolves to `""`, and nothing is stored;
 * - `null` or `undefined`: signed out. `getToken()` rejects with `ERR_UNAUTHENTICATED`.
 *
 * @example
 * const result: FetchTokenResult = { access_token: "eyJ…", expires_in: 600 };
 */
export type FetchTokenResult =
  | string
  | {
      /**
       * The token.
       * @example
       * const result: FetchTokenResult = { token: "eyJ…" };
       */
      token: string;
      /**
       * Its lifetime in seconds.
       * @example
       * const result: FetchTokenResult = { token: "eyJ…", expires_in: 600 };
       */
      expires_in?: number | undefined;
    }
  | {
      /**
       * The token.
       * @example
       * const result: FetchTokenResult = { access_token: "eyJ…" };
       */
      access_token: string;
      /**
       * Its lifetime in seconds.
       * @example
       * const result: FetchTokenResult = { access_token: "eyJ…", expires_in: 600 };
       */
      expires_in?: number | undefined;
    }
  | {
      /**
       * The token.
       * @example
       * const result: FetchTokenResult = { accessToken: "eyJ…" };
       */
      accessToken: string;
      /**
       * Its lifetime in seconds.
       * @example
       * const result: FetchTokenResult = { accessToken: "eyJ…", expiresIn: 600 };
       */
      expiresIn?: number | undefined;
    }
  | {
      /**
       * The token.
       * @example
       * const result: FetchTokenResult = { cubeApiToken: "eyJ…" };
       */
      cubeApiToken: string;
      /**
       * Its lifetime in seconds.
       * @example
       * const result: FetchTokenResult = { cubeApiToken: "eyJ…", expires_in: 600 };
       */
      expires_in?: number | undefined;
    }
  | null
  | undefined;

/**
 * Method, headers, credentials and body of the request for a token; or a function that returns them for each attempt.
 *
 * @example
 * const request: RequestOption = () => ({ method: "POST", headers: { "X-CSRF-Token": csrfToken() } });
 */
export type RequestOption = RequestInit | ((context: SourceContext) => RequestInit | Promise<RequestInit>);

export interface Answer {
  /** `null`: no token is needed here (Cube's development mode). */
  token: string | null;
  /** Lifetime in milliseconds, if the answer states it: 0 or more, and small enough for any `Date`. */
  expiresIn?: number;
  /** The bounds of the server's time now, from `Date`; and how long a cache stored the answer, from `Age` (ms). */
  date?: { readonly earliest: number; readonly latest: number; readonly age: number };
}

/** One attempt to get a token. */
export interface Attempt {
  readonly context: SourceContext;
  /** `requestTimeout`, in ms. */
  readonly timeout: number;
  /** The signal of the refresh that this attempt belongs to. */
  readonly refresh: AbortSignal;
  /** An answer requested before this refresh began is too old. */
  readonly force: boolean;
  /** Whether the attempt may send two requests. */
  readonly mayTakeTwo?: boolean;
  /** To be called for each request. */
  readonly onRequest?: () => void;
}

/** Where a manager gets its tokens. Each manager has its own. */
export interface Source {
  /** @throws {CubeTokenError} whatever fails. */
  readonly ask: (attempt: Attempt) => Promise<Answer>;
  /** Called on sign-out: drops a call in flight, so that the next user does not get its answer. */
  readonly forget?: () => void;
  /** Details of the source for errors. */
  readonly about?: () => { url: string };
}
