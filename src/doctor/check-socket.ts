import type { Token } from "../core/token.js";
import { type Message, readRefusal } from "../cube/socket/messages.js";
import { bareUrl } from "../source/url.js";
import { explainError } from "./cube.js";
import { type Finding, note, right, wrong } from "./finding.js";
import type { Socketed } from "./websocket.js";

const MEND = "Set CUBEJS_WEB_SOCKETS=true, and let the proxy pass Upgrade and Connection.";

/** Cube's WebSocket is beside its API, at the base path `/` unless `webSocketsBasePath` says else. */
export function socketUrl(cube: URL): URL {
  const url = new URL(cube);
  url.protocol = /^(wss|https):$/.test(cube.protocol) ? "https:" : "http:";
  if (/^http/.test(cube.protocol)) url.pathname = cube.pathname.replace(/\/cubejs-api(\/.*)?$/, "") || "/";
  url.search = url.hash = "";
  return url;
}

/**
 * Whether Cube's WebSocket takes the token.
 *
 * @param isWanted `--cube` named the WebSocket itself: without one, queries over HTTP do as well.
 */
export function checkSocket(
  socketed: Socketed,
  url: URL,
  token: Token,
  isWanted: boolean,
  now: number,
): Finding {
  const at = `The WebSocket at ${bareUrl(url).replace(/^http/, "ws")}`;
  if ("failure" in socketed) return wrong(`${at} is refused: ${socketed.failure}. ${MEND}`);
  if ("status" in socketed) {
    const { status } = socketed;
    // Cube without WebSockets answers like this.
    return !isWanted && (status < 300 || status === 404)
      ? note(`${at} is not there (${status}); queries over HTTP do without. To have it: ${MEND}`)
      : wrong(`${at} is refused (${status}). ${MEND}`);
  }
  const message = (socketed.message ?? {}) as Message;
  const refusal = readRefusal(message);
  if (refusal) {
    return wrong(`${at} is refused. ${explainError(refusal.status, refusal.error ?? "", token, now)}`);
  }
  return message.handshake
    ? right(`${at} accepts the token.`)
    : wrong(`${at} does not answer like Cube's. Check --cube.`);
}
