import type { FetchTokenResult, SourceContext } from "../source/source.js";
import { checkOrigin, listen, type Note, type Reply } from "./messages.js";

/**
 * Who is asked, and for how long.
 *
 * @example
 * const options: ParentTokensOptions = { origin: "https://app.example.com" };
 */
export interface ParentTokensOptions {
  /**
   * The exact origin of the page around this one, such as `"https://app.example.com"`.
   * @example
   * const fetchToken = parentTokens({ origin: "https://app.example.com" });
   */
  origin: string;
  /**
   * Longest wait for its answer, in ms. @default 9_000, so that its error comes before that of `requestTimeout`
   * @example
   * const fetchToken = parentTokens({ origin: "https://app.example.com", timeout: 3_000 });
   */
  timeout?: number | undefined;
}

/**
 * A `fetchToken` that asks the page around this one.
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
   * Calls `listener` when that page signs out; the manager does this by itself. Returns a function that ends it.
   * @example
   * const stop = fetchToken.onSignOut(() => location.reload());
   */
  onSignOut(listener: () => void): () => void;
}

/** The host's script may start after the frame's: asked again after so many ms, then after twice that, and so on. */
const FIRST_PAUSE = 100;

/**
 * In an embedded page: a `fetchToken` that gets its tokens from the page around it, which calls {@link serveFrames}.
 * The frame needs no session, cookie or storage of its own. When that page signs out, so does the frame's manager.
 *
 * The promise rejects with `ERR_TIMEOUT` if nobody answers; with `ERR_UNAUTHENTICATED` if this page is not in a frame, has
 * no origin (`sandbox` without `allow-same-origin`), or the host has signed out; and with the host's own code if its
 * `getToken()` rejected.
 *
 * @throws {TypeError} on anything but an exact origin, on a timeout that is not a positive number, and on an unknown option.
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
    throw new TypeError("parentTokens takes { origin, timeout }: timeout above 0 ms.");
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
        // The class would be a fifth of this entry, and knows its errors by name: see `isCubeTokenError`.
        const error = new Error(`No token from ${origin}: ${why}`);
        reject(Object.assign(error, { name: "CubeTokenError", code, status, retryAfter }));
      };
      // On a server there is neither.
      if (globalThis.parent === globalThis.window) {
        return fail("ERR_UNAUTHENTICATED", "this page is in no frame of it.");
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
          if (token === undefined) fail(code, `it has none (${code}).`, reply);
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
