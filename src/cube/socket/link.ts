import type { TokenProvider } from "../../types.js";
import type { IsRejected } from "../transport.js";
import type { Backoff } from "./backoff.js";
import type { PendingRequests } from "./pending.js";
import { CLOSED, isOpen, type State } from "./state.js";
import { disconnect, type Interceptor, type SocketTransport } from "./transport.js";

/** One `WebSocketTransport` and its connection. Only {@link go} changes the state. */
export interface Link extends Interceptor {
  readonly transport: SocketTransport;
  /** The transport's own `initSocket`. */
  readonly openSocket: () => void;
  readonly pending: PendingRequests;
  tokens: TokenProvider;
  isRejected: IsRejected;
  state: State;
  backoff: Backoff;
  /** Called once the connection is open, or the attempts have ended. */
  settled: (() => void)[];
  /** Listens to the manager and to the page; returns a function that stops it. */
  readonly listen: () => () => void;
  stopListening: (() => void) | undefined;
}

export function go<T extends State>(link: Link, next: T): T {
  const last = link.state;
  link.state = next;
  if (last.timer !== next.timer) clearTimeout(last.timer);
  if (last.ws && last.ws !== next.ws) disconnect(link.transport, last.ws);
  if (next === CLOSED || isOpen(next)) for (const settle of link.settled.splice(0)) settle();
  update(link);
  return next;
}

/** Acts on the state and the pending requests. Without a socket and pending requests it stops all attempts and timers. */
export function update(link: Link): void {
  const { state, pending } = link;
  const idle = pending.isEmpty;
  if (idle && !state.ws && state !== CLOSED) go(link, CLOSED);
  else if (idle && state.phase === "open" && state.timer) go(link, { ...state, timer: undefined });
  else {
    pending.watch(isOpen(state));
    if (!idle || state.ws) link.stopListening ??= link.listen();
    else {
      link.stopListening?.();
      link.stopListening = undefined;
    }
  }
}

/** Closes the connection, and fails the requests that wait for an answer. */
export function end(link: Link, failure: unknown, final?: boolean): void {
  go(link, CLOSED);
  link.pending.fail(failure, final);
}
