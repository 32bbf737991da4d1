import type { CubeAnswer } from "../transport.js";
import { go, type Link } from "./link.js";
import { asResult, type Message, readRefusal } from "./messages.js";
import { connect, giveUp } from "./reconnect.js";
import { stopHeartbeat } from "./transport.js";

/** Handles the server's messages about the token. @returns whether the transport gets the message. */
export function receive(link: Link, message: Message | undefined): boolean {
  const { state } = link;
  if (!message) {
    const error = "The WebSocket server does not send Cube's messages. Check apiUrl.";
    giveUp(link, new Error(error));
    return false;
  }
  const refusal = readRefusal(message);
  if (refusal) refused(link, refusal);
  else if (message.handshake && state.ws) {
    const { ws, token, offered = token, openedAt = performance.now() } = state;
    stopHeartbeat(ws);
    go(link, { phase: "open", ws, token: offered, openedAt });
  }
  // A message has arrived, so the server is there.
  else if (state.phase === "open" && state.timer) go(link, { ...state, timer: undefined });
  return !refusal;
}

function refused(link: Link, answer: CubeAnswer): void {
  const { state } = link;
  try {
    if (state.phase === "handshaking") {
      const { token, refusal } = state;
      const isRejected = link.isRejected(answer);
      if (isRejected) link.tokens.invalidate(token);
      // Replaced immediately, the first time.
      if (isRejected && !refusal) connect(link, { token, answer });
      else giveUp(link, () => asResult(answer));
    } else if (state.phase === "reauthorising") {
      // The socket stays authorized by the old token.
      go(link, { ...state, phase: "open", offered: undefined, timer: undefined });
      if (link.isRejected(answer)) link.tokens.invalidate(state.offered);
    }
  } catch (error) {
    giveUp(link, error);
  }
}
