import type { TokenEvent, TokenProvider } from "../types.js";
import { checkOrigin, listen, type Note, type Reply } from "./messages.js";

/**
 * The frames that may get tokens.
 *
 * @example
 * const options: ServeFramesOptions = { origins: ["https://charts.example.com"] };
 */
export interface ServeFramesOptions {
  /**
   * The exact origins of the frames that may get a token, such as `["https://charts.example.com"]`. No patterns.
   * @example
   * serveFrames(tokens, { origins: ["https://charts.example.com", "https://reports.example.com"] });
   */
  origins: readonly string[];
}

const SIGNED_OUT: Reply = { code: "ERR_UNAUTHENTICATED" };

/** Frames that have asked. They are notified of a sign-out even if `serveFrames()` stops and restarts, as in an effect. */
const frames = new Map<Window, readonly [TokenProvider, origin: string]>();
/** Managers that have signed out and have had no token since. */
const over = new WeakSet<TokenProvider>();

/**
 * For the host page: gives tokens to frames of these origins, which ask with {@link parentTokens}.
 *
 * Only direct frames of this page are answered, however they were added. A window of another origin, a popup or an opener
 * gets nothing, and neither does a frame sandboxed without `allow-same-origin`. A token that Cube rejected in a frame is
 * invalidated here. `clear()` also signs out the frames: they get no token until this page itself has one again.
 *
 * A frame gets this page's token, with everything that it allows. To give an origin less, pass a function as `tokens`.
 *
 * @param tokens a `CubeTokenManager`, or a function that returns the one for an origin, or `undefined` for none.
 * @returns a function that stops it.
 * @throws {TypeError} if `origins` contains anything but exact origins, or `tokens` is not a manager.
 *
 * @example
 * const stop = serveFrames(tokens, { origins: ["https://charts.example.com"] });
 *
 * @see https://html.spec.whatwg.org/multipage/web-messaging.html#authors
 */
export function serveFrames(
  tokens: TokenProvider | ((origin: string) => TokenProvider | undefined),
  options: ServeFramesOptions,
): () => void {
  if (String(Object.keys(options ?? {})) !== "origins") throw new TypeError("serveFrames takes { origins }.");
  // A copy, so that no unchecked origin can be added later.
  const origins = [options.origins].flat();
  origins.forEach(checkOrigin);

  const followed = new Set<TokenProvider>();
  const stops: (() => void)[] = [];
  let ended = false;

  const follow = (provider: TokenProvider): void => {
    if (followed.has(provider)) return;
    if (!provider?.subscribe) throw new TypeError("serveFrames: tokens must be a CubeTokenManager.");
    followed.add(provider);
    if (provider.getSnapshot().status !== "empty") over.delete(provider);
    const onEvent = ({ type }: TokenEvent) => {
      if (type === "refreshed") over.delete(provider);
      if (type !== "cleared") return;
      over.add(provider);
      for (const [frame, [its, origin]] of frames) {
        if (its === provider) frame.postMessage({ cubeToken: type } satisfies Note, origin);
      }
    };
    const stop = provider.subscribe(onEvent);
    // Delayed, so that a sign-out in the same task is noticed: in React, effects are cleaned up before the manager is.
    stops.push(() => setTimeout(stop));
  };
  if (typeof tokens !== "function") follow(tokens);

  const answer = async (frame: Window, origin: string, rejectedToken: unknown): Promise<Reply> => {
    try {
      const provider = typeof tokens === "function" ? tokens(origin) : tokens;
      if (!provider) return { code: "ERR_FORBIDDEN" };
      follow(provider);
      for (const each of frames.keys()) if (each.closed) frames.delete(each);
      frames.set(frame, [provider, origin]);
      if (over.has(provider)) return SIGNED_OUT;
      if (typeof rejectedToken === "string") provider.invalidate(rejectedToken);
      const token = await provider.getToken();
      // Checked again after the wait. ERR_SOURCE lets the frame retry, because serveFrames() may restart.
      if (ended) return { code: "ERR_SOURCE" };
      if (over.has(provider)) return SIGNED_OUT;
      // Not every token contains its expiry. The frame trusts one that does.
      const { expiresAt = 0 } = provider.getSnapshot();
      const expires_in = (expiresAt - Date.now()) / 1000;
      return expires_in > 0 ? { token, expires_in } : { token };
    } catch (error) {
      const { code = "", status, retryAfter } = Object(error) as Reply;
      // The frame's own manager is neither signed out nor disposed of.
      if (/CLEARED|DISPOSED/.test(code)) return SIGNED_OUT;
      if (/^ERR_/.test(code)) return { code, status, retryAfter };
      globalThis.reportError?.(error);
      return { code: "ERR_SOURCE" };
    }
  };

  stops.push(
    listen(async ({ data, origin, source }) => {
      const frame = source as Window | null;
      if (data?.cubeToken !== "ask" || typeof data.id !== "number" || !origins.includes(origin)) return;
      // Checked by its parent, because `window.frames` lacks frames in a shadow tree.
      if (frame?.parent !== window || frame === window) return;
      const { port1, port2 } = new MessageChannel();
      // Only to this origin, in case the frame has navigated. The port is bound to the page that receives it.
      frame.postMessage({ cubeToken: "port", id: data.id } satisfies Note, origin, [port2]);
      port1.postMessage(await answer(frame, origin, data.rejectedToken));
    }),
  );

  return () => {
    ended = true;
    for (const stop of stops) stop();
  };
}
