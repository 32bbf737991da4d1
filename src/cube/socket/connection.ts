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
 * Returns the only connection of a `WebSocketTransport`, however often that is wrapped. It is opened with a valid token,
 * kept authorized, probed when it may be dead, and reopened with backoff. From now on it belongs to this manager.
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
    // Requests made with the other manager's token must not continue.
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
  // The transport calls this when it has something to send, and when its socket was closed.
  transport.initSocket = async () => {
    if (!link.pending.isEmpty) await open(link);
    // Queued messages are sent over the next connection.
    if (!isOpen(link.state)) await new Promise(() => {});
  };
  transport.close = async () => {
    transport.messageIdToSubscription = {};
    transport.messageQueue = [];
    end(link, () => ({ error: "aborted" }), true);
  };
  return link;
}

/** Resolves once requests can be sent, or the attempts have ended. @param refused the token that Cube rejected. */
async function open(link: Link, refused?: string): Promise<string> {
  const { state, tokens } = link;
  if (refused !== undefined) tokens.invalidate(refused);
  if (isOpen(state)) {
    if (refused !== state.token) {
      // An open connection needs no token, but this detects that the manager was disposed of.
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
  // If there is no connection, the pending requests have already failed.
  return isOpen(link.state) ? link.state.token : "";
}

const asConnection = (link: Link): CubeConnection => ({
  open: (_signal, refused) => open(link, refused),
  isRejected: (answer) => link.isRejected(answer),
  use() {},
  add: (fail, signal) => link.pending.add(fail, signal),
  // Without the signal: it would be written into the message, and the server would answer 400.
  params: ({ signal: _, ...params }) => params,
});
