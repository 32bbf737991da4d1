import type { FetchTokenResult, SourceContext } from "../source/source.js";
import { checkOrigin, listen, type Note, type Reply } from "./messages.js";

/**
 * The page to ask, and for how long.
 *
 * @example
 * const options: ParentTokensOptions = { origin: "https://app.example.com" };
 */
export interface ParentTokensOptions {
  /**
   * The exact origin of the embedding page, such as `"https://app.example.com"`.
   * @example
   * const fetchToken = parentTokens({ origin: "https://app.example.com" });
   */
  origin: string;
  /**
   * The longest wait for its answer, in ms. @default 9_000, so that it fails before `requestTimeout` (10 s)
   * @example
   * const fetchToken = parentTokens({ origin: "https://app.example.com", timeout: 3_000 });
   */
  timeout?: number | undefined;
}

/**
 * A `fetchToken` that asks the embedding page.
 *
 * @example
 * const fetchToken: ParentTokens = parentTokens({ origin: "https://app.example.com" });
 * const tokens = new CubeTokenManager({ fetchToken });
 */
export interface ParentTokens {
  /**
   * Asks once. A manager calls it for each attempt.
   * @example
   * const result = await fetchToken({ signal: AbortSignal.timeout(5_000) });
   */
  (context: SourceContext): Promise<FetchTokenResult>;
  /**
   * Calls `listener` when that page signs out. Returns a function that stops it. A manager subscribes automatically.
   * @example
   * const stop = fetchToken.onSignOut(() => location.reload());
   */
  onSignOut(listener: () => void): () => void;
}

/** The host's script may start after the frame's: the request is repeated after this many ms, with doubling pauses. */
const FIRST_PAUSE = 100;

/**
 * For an embedded page: returns a `fetchToken` that gets tokens from the embedding page, which calls {@link serveFrames}.
 * The frame needs no session, cookie or storage of its own. When the embedding page signs out, so does the frame's manager.
 *
 * The promise rejects with `ERR_TIMEOUT` if the host does not answer; with `ERR_UNAUTHENTICATED` if this page is not in a
 * frame, has no origin (`sandbox` without `allow-same-origin`), or the host has signed out; and with the host's own code if
 * its `getToken()` rejected.
 *
 * @throws {TypeError} if `origin` is not an exact origin, `timeout` is not a positive number, or an option is unknown.
 *
 * @example
 * const tokens = new CubeTokenManager({ fetchToken: parentTokens({ origin: "https://app.example.com" }) });
 *
 * @see https://html.spec.whatwg.org/multipage/web-messaging.html#authors
 */
export function parentTokens(options: ParentTokensOptions): ParentTokens {
  const { origin, timeout = 9000, ...others } = options ?? {};
  checkOrigin(origin);
  const isTime = typeof timeout === "number" && timeout > 0 && timeout < 2 ** 31;
  if (!isTime || Object.keys(others)[0]) {
    throw new TypeError("parentTokens takes { origin, timeout }. timeout must be above 0 ms.");
  }

  const hear = (type: Note["cubeToken"], act: (event: MessageEvent<Note>) => void): (() => void) =>
    listen((event) => {
      if (event.source === parent && event.origin === origin && event.data?.cubeToken === type) {
        act(event as MessageEvent<Note>);
      }
    });

  const fetchToken = ({ signal, rejectedToken }: SourceContext): Promise<FetchTokenResult> =>
    new Promise((resolve, reject) => {
      const fail = (code: string, why: string, { status, retryAfter }: Reply = {}) => {
        // The class would be a fifth of this entry's size. `isCubeTokenError` recognizes errors by their name.
        const error = new Error(`No token from ${origin}: ${why}`);
        reject(Object.assign(error, { name: "CubeTokenError", code, status, retryAfter }));
      };
      // On a server both are undefined.
      if (globalThis.parent === globalThis.window) {
        return fail("ERR_UNAUTHENTICATED", "this page is not in a frame.");
      }
      if (self.origin === "null") {
        return fail("ERR_UNAUTHENTICATED", 'this frame has no origin: add "allow-same-origin".');
      }
      const id = Math.random();
      let timer: ReturnType<typeof setTimeout>;
      const ask = (pause: number) => {
        parent.postMessage({ cubeToken: "ask", id, rejectedToken } satisfies Note, origin);
        timer = setTimeout(ask, pause, 2 * pause);
      };
      const end = () => {
        clearTimeout(timer);
        clearTimeout(deadline);
        stop();
      };
      const stop = hear("port", ({ data, ports }) => {
        const [port] = ports;
        if (data.id !== id || !port) return;
        clearTimeout(timer);
        port.onmessage = ({ data }: MessageEvent<Reply>) => {
          end();
          port.close();
          const reply: Reply = Object(data);
          const { token, expires_in, code = "ERR_SOURCE" } = reply;
          if (token === undefined) fail(code, `it reported ${code}.`, reply);
          else resolve(expires_in ? { token, expires_in } : token);
        };
      });
      const deadline = setTimeout(() => {
        end();
        fail(
          "ERR_TIMEOUT",
          `no answer within ${timeout} ms. Does it call serveFrames() for "${self.origin}"?`,
        );
      }, timeout);
      const onAbort = () => {
        end();
        fail("ERR_ABORTED", "aborted.");
      };
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      else ask(FIRST_PAUSE);
    });

  fetchToken.onSignOut = (listener: () => void) => hear("cleared", listener);
  return fetchToken;
}
