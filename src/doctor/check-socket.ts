import type { Token } from "../core/token.js";
import { type Message, readRefusal } from "../cube/socket/messages.js";
import { bareUrl } from "../source/url.js";
import { explainError } from "./cube.js";
import { type Finding, note, right, wrong } from "./finding.js";
import type { Socketed } from "./websocket.js";

const MEND = "Set CUBEJS_WEB_SOCKETS=true, and let the proxy forward Upgrade and Connection.";

/** Cube's WebSocket is on the same host as its API, at the base path `/` unless `webSocketsBasePath` is set. */
export function socketUrl(cube: URL): URL {
  const url = new URL(cube);
  url.protocol = /^(wss|https):$/.test(cube.protocol) ? "https:" : "http:";
  if (/^http/.test(cube.protocol)) url.pathname = cube.pathname.replace(/\/cubejs-api(\/.*)?$/, "") || "/";
  url.search = url.hash = "";
  return url;
}

/**
 * Checks whether Cube's WebSocket accepts the token.
 *
 * @param isWanted whether `--cube` names the WebSocket itself. If not, it may be missing: queries go over HTTP.
 */
export function checkSocket(
  socketed: Socketed,
  url: URL,
  token: Token,
  isWanted: boolean,
  now: number,
): Finding {
  const at = `The WebSocket at ${bareUrl(url).replace(/^http/, "ws")}`;
  if ("failure" in socketed) return wrong(`${at} failed: ${socketed.failure}. ${MEND}`);
  if ("status" in socketed) {
    const { status } = socketed;
    // With WebSockets disabled, Cube answers like this.
    return !isWanted && (status < 300 || status === 404)
      ? note(`${at} is not available (${status}); queries over HTTP do not need it. To enable it: ${MEND}`)
      : wrong(`${at} failed (${status}). ${MEND}`);
  }
  const message = (socketed.message ?? {}) as Message;
  const refusal = readRefusal(message);
  if (refusal) {
    return wrong(`${at} failed. ${explainError(refusal.status, refusal.error ?? "", token, now)}`);
  }
  return message.handshake
    ? right(`${at} accepts the token.`)
    : wrong(`${at} does not answer like Cube. Check --cube.`);
}
