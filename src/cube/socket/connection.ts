import { CubeTokenError } from "../../errors.js";
import type { TokenProvider } from "../../types.js";
import type { CubeConnection, IsRejected } from "../transport.js";
import { NO_FAILURES } from "./backoff.js";
import { receive } from "./handshake.js";
import { end, go, type Link, update } from "./link.js";
import { PendingRequests } from "./pending.js";
import { listen, sent } from "./probe.js";
import { attempt, countFailure, lose } from "./reconnect.js";
import { CLOSED, isOpen } from "./state.js";
import type { SocketTransport } from "./transport.js";

const links = new WeakMap<object, Link>();

/**
 * The one connection of a `WebSocketTransport`, however often that is wrapped: opened with a valid token, kept
 * authorised, probed where it may be dead, reopened with pauses. From now on it is this manager's.
 */
export function socketConnection(
  transport: SocketTransport,
  tokens: TokenProvider,
  isRejected: IsRejected,
): CubeConnection {
  let link = links.get(transport);
  if (!link) {
    link = createLink(transport, tokens);
    links.set(transport, link);
  }
  link.isRejected = isRejected;
  if (tokens !== link.tokens) {
    // Nothing that was asked with the other one's token goes on.
    const error = "Another CubeTokenManager took over this transport. Query again.";
    end(link, new CubeTokenError("ERR_CLEARED", error), true);
    link.tokens = tokens;
    link.backoff = NO_FAILURES;
  }
  return asConnection(link);
}

function createLink(transport: SocketTransport, tokens: TokenProvider): Link {
  const link: Link = {
    transport,
    openSocket: transport.initSocket.bind(transport),
    pending: new PendingRequests(() => update(link)),
    tokens,
    isRejected: () => false,
    state: CLOSED,
    backoff: NO_FAILURES,
    settled: [],
    listen: () => listen(link),
    stopListening: undefined,
    onMessage: (message) => receive(link, message),
    onSend: () => sent(link),
    onClose: (ws) => {
      if (link.state.ws === ws) lose(link);
    },
  };
  // The transport calls it when it has something to send, and when its socket was closed.
  transport.initSocket = async () => {
    if (!link.pending.isEmpty) await open(link);
    // What is queued goes out with the next connection.
    if (!isOpen(link.state)) await new Promise(() => {});
  };
  transport.close = async () => {
    transport.messageIdToSubscription = {};
    transport.messageQueue = [];
    end(link, () => ({ error: "aborted" }), true);
  };
  return link;
}

/** Resolves once requests can be sent, or nothing is tried any more. @param refused the token that Cube refused. */
async function open(link: Link, refused?: string): Promise<string> {
  const { state, tokens } = link;
  if (refused !== undefined) tokens.invalidate(refused);
  if (isOpen(state)) {
    if (refused !== state.token) {
      // An open connection needs no token; a manager that was disposed must be heard of nevertheless.
      tokens.getToken().catch((error) => {
        if (error.code === "ERR_DISPOSED" && tokens === link.tokens) end(link, error, true);
      });
      return state.token;
    }
    countFailure(link);
    go(link, CLOSED);
  }
  if (link.state === CLOSED) attempt(link);
  if (link.state !== CLOSED) await new Promise<void>((resolve) => link.settled.push(resolve));
  // Where there is none after all, who waits has been told.
  return isOpen(link.state) ? link.state.token : "";
}

const asConnection = (link: Link): CubeConnection => ({
  open: (_signal, refused) => open(link, refused),
  isRejected: (answer) => link.isRejected(answer),
  use() {},
  add: (fail, signal) => link.pending.add(fail, signal),
  // The signal stays here: it would be written into the message, and the server answers 400.
  params: ({ signal: _, ...params }) => params,
});
