import { afterFailure, afterLoss } from "./backoff.js";
import { end, go, type Link } from "./link.js";
import { asResult } from "./messages.js";
import { CLOSED, isOpen, type Refusal } from "./state.js";
import { intercept } from "./transport.js";

/** The server must accept the socket and the token within this time. */
const HANDSHAKE_TIMEOUT = 10_000;

export function countFailure(link: Link): void {
  link.backoff = afterFailure(link.backoff, performance.now(), Math.random());
}

/** Ends the attempts to connect, and fails the pending requests. */
export function giveUp(link: Link, failure: unknown): void {
  countFailure(link);
  end(link, failure);
}

/** Connects as soon as the backoff allows it, if requests are pending. */
export function attempt(link: Link): void {
  const delay = link.backoff.retryAt - performance.now();
  if (link.pending.isEmpty) go(link, CLOSED);
  else if (delay > 0) go(link, { phase: "pausing", timer: setTimeout(connect, delay, link) });
  else connect(link);
}

/** Connects immediately. @param refusal the rejection of the last token, which is not tried again. */
export async function connect(link: Link, refusal?: Refusal): Promise<void> {
  const state = go(link, { phase: "connecting" });
  try {
    const token = await link.tokens.getToken();
    if (link.state !== state) return;
    if (token === refusal?.token) giveUp(link, () => asResult(refusal.answer));
    else dial(link, token, refusal);
  } catch (error) {
    if (link.state === state) giveUp(link, error);
  }
}

function dial(link: Link, token: string, refusal: Refusal | undefined): void {
  const { transport } = link;
  // Without a socket this setter only stores the token; with one it would close the socket.
  transport.authorization = token;
  link.openSocket();
  const ws = transport.ws!;
  const timer = setTimeout(lose, HANDSHAKE_TIMEOUT, link);
  go(link, { phase: "handshaking", ws, token, refusal, timer });
  intercept(transport, ws, link);
}

/** The socket was closed, or the server is gone. Reconnects if requests are pending. */
export function lose(link: Link): void {
  const { state, backoff } = link;
  if (isOpen(state)) link.backoff = afterLoss(backoff, state.openedAt, performance.now(), Math.random());
  else countFailure(link);
  attempt(link);
}
