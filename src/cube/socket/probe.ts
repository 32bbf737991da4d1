import { isHidden, onWake } from "../../core/wake.js";
import { CubeTokenError } from "../../errors.js";
import { NO_FAILURES } from "./backoff.js";
import { end, go, type Link } from "./link.js";
import { connect, lose } from "./reconnect.js";
import { isOpen, type Timer } from "./state.js";
import { OPEN } from "./transport.js";

/** Over an open connection the server must accept a token within this time; otherwise the connection is dead. */
const PROBE_TIMEOUT = 5000;
/**
 * A request makes the connection be probed after this long without any message. By default, Cube's server sends "Continue
 * wait" every 5 s, and a message about each subscription as often.
 */
const SILENCE = 6000;

/** A timer that does not keep a Node process alive: the socket does. */
function background(callback: () => void, delay: number): Timer {
  const timer = setTimeout(callback, delay);
  (timer as { unref?(): void }).unref?.();
  return timer;
}

/**
 * Sends a token over the open connection: a new one, which Cube's server accepts without resending results (after a
 * reconnect it would resend the result of each subscription), or the same one, to check that the server is still there.
 */
function authorise(link: Link, offered?: string): void {
  const { state } = link;
  if (!isOpen(state) || state.ws.readyState !== OPEN) return;
  const isWaiting = state.phase === "reauthorising";
  if (offered === (state.offered ?? state.token) || (isWaiting && !offered)) return;
  const timer = isWaiting ? state.timer : background(() => lose(link), PROBE_TIMEOUT);
  const next = go(link, { ...state, phase: "reauthorising", offered: offered ?? state.token, timer });
  next.ws.sendMessage({ authorization: next.offered });
}

/** If nothing answers this request, the connection is probed. */
export function sent(link: Link): void {
  const { state } = link;
  if (state.phase !== "open" || state.timer) return;
  go(link, { ...state, timer: background(() => authorise(link), SILENCE) });
}

async function renew(link: Link): Promise<void> {
  const { ws } = link.state;
  if (!isOpen(link.state)) return;
  const token = await link.tokens.getToken().catch(() => undefined);
  if (token !== undefined && link.state.ws === ws) authorise(link, token);
}

/** Follows the manager and the page. */
export function listen(link: Link): () => void {
  const stops = [
    link.tokens.subscribe(({ type }) => {
      if (type === "refreshed") renew(link);
      // Results over the open socket belong to the user who has signed out.
      if (type === "cleared") {
        end(
          link,
          new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Query again after signing in."),
        );
      }
    }),
    onWake(({ type }) => {
      if (type === "visibilitychange" && isHidden()) return;
      // The network may have changed.
      link.backoff = NO_FAILURES;
      if (link.state.phase === "pausing") connect(link);
      authorise(link);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
