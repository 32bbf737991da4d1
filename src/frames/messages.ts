/**
 * Messages between windows, each to an exact origin. None contains a token, except one that Cube has rejected:
 *
 * - `"ask"`, from the frame: requests a token.
 * - `"port"`, from the host: transfers the port over which the token will arrive.
 * - `"cleared"`, from the host: the user has signed out.
 */
export interface Note {
  readonly cubeToken: "ask" | "port" | "cleared";
  /** The id of the request. */
  readonly id?: number;
  readonly rejectedToken?: string | undefined;
}

/** The reply over the port: a token, with its remaining lifetime in seconds if it expires, or why there is none. */
export interface Reply {
  readonly token?: string;
  readonly expires_in?: number;
  readonly code?: string;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/** Calls `listener` with messages to this window; never on a server. Returns a function that stops it. */
export function listen(listener: (event: MessageEvent<Note | null>) => void): () => void {
  globalThis.addEventListener?.("message", listener);
  return () => globalThis.removeEventListener?.("message", listener);
}

/** @throws {TypeError} on anything but an exact origin, as browsers serialize it. */
export function checkOrigin(origin: unknown): void {
  // NaN equals nothing.
  let exact: unknown = NaN;
  try {
    exact = new URL(origin as string).origin;
  } catch {
    // Not a URL.
  }
  // The URL standard accepts "*" and similar characters in a host name.
  if (origin !== exact || /[^\w.:/[\]+-]/.test(origin as string)) {
    throw new TypeError(`"${origin}" is not an exact origin like "https://app.example.com".`);
  }
}
