/**
 * From window to window, each to an exact origin, and none with a token in it but one that Cube has refused:
 *
 * - `"ask"`, from the frame: it wants a token.
 * - `"port"`, from the host: the token will come over the port that comes along.
 * - `"cleared"`, from the host: signed out.
 */
export interface Note {
  readonly cubeToken: "ask" | "port" | "cleared";
  /** Of the ask. */
  readonly id?: number;
  readonly rejectedToken?: string | undefined;
}

/** What comes over the port: a token, with what is left of its life (s) if it ends; or why there is none. */
export interface Reply {
  readonly token?: string;
  readonly expires_in?: number;
  readonly code?: string;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/** Calls `listener` with what is posted to this window; on a server never. Returns a function that ends it. */
export function listen(listener: (event: MessageEvent<Note | null>) => void): () => void {
  globalThis.addEventListener?.("message", listener);
  return () => globalThis.removeEventListener?.("message", listener);
}

/** @throws {TypeError} on anything but an exact origin, as the browser writes it. */
export function checkOrigin(origin: unknown): void {
  // Equal to nothing.
  let exact: unknown = NaN;
  try {
    exact = new URL(origin as string).origin;
  } catch {
    // No URL at all.
  }
  // The URL standard takes "*" and the like for part of a name.
  if (origin !== exact || /[^\w.:/[\]+-]/.test(origin as string)) {
    throw new TypeError(`"${origin}" is no exact origin such as "https://app.example.com".`);
  }
}
