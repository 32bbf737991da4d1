export interface SourceContext {
  /** Aborted after `requestTimeout`, and by `clear()` and `dispose()`. */
  signal: AbortSignal;
  /** The token that Cube refused, where that is why a new one is wanted: a cache in between must not serve it again. */
  rejectedToken?: string;
}

/**
 * What `fetchToken` may answer.
 *
 * - a token, bare or in one of the shapes that an endpoint may answer too. `expires_in` and `expiresIn` are its lifetime in
 *   **seconds** (RFC 6749 §5.1);
 * - `""`: no token is needed here (Cube's development mode). `getToken()` resolves to `""`, and nothing is stored;
 * - `null` or `undefined`: signed out. `getToken()` rejects with `ERR_UNAUTHENTICATED`.
 */
export type FetchTokenResult =
  | string
  | { token: string; expires_in?: number | undefined }
  | { access_token: string; expires_in?: number | undefined }
  | { accessToken: string; expiresIn?: number | undefined }
  | { cubeApiToken: string; expires_in?: number | undefined }
  | null
  | undefined;

/** Sets method, headers, credentials and body of the request for a token. */
export type RequestOption = RequestInit | ((context: SourceContext) => RequestInit | Promise<RequestInit>);

export interface Answer {
  /** `null`: no token is needed here (Cube's development mode). */
  token: string | null;
  /** Lifetime in milliseconds, where the answer told it: 0 or more, and small enough for any `Date`. */
  expiresIn?: number;
  /** By `Date`, the server's time as the answer is handed over lies between these; by `Age` it was stored for so long (ms). */
  date?: { readonly earliest: number; readonly latest: number; readonly age: number };
}

/** One attempt to get a token. */
export interface Attempt {
  readonly context: SourceContext;
  /** `requestTimeout`, ms. */
  readonly timeout: number;
  /** Of the refresh that this attempt belongs to. */
  readonly refresh: AbortSignal;
  /** What was asked for before this refresh began is too old. */
  readonly force: boolean;
  /** Whether it may take two requests. */
  readonly mayTakeTwo?: boolean;
  /** To be called for each request. */
  readonly onRequest?: () => void;
}

/** Where a manager gets its tokens: each has its own. */
export interface Source {
  /** @throws {CubeTokenError} whatever happens. */
  readonly ask: (attempt: Attempt) => Promise<Answer>;
  /** Signed out: what is under way is of no use to who comes next. */
  readonly forget?: () => void;
  /** What errors say of it. */
  readonly about?: () => { url: string };
}
