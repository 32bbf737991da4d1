import type { TokenProvider } from "../../types.js";
import type { IsRejected } from "../transport.js";
import type { Backoff } from "./backoff.js";
import type { PendingRequests } from "./pending.js";
import { CLOSED, isOpen, type State } from "./state.js";
import { disconnect, type Interceptor, type SocketTransport } from "./transport.js";

/** One `WebSocketTransport` and its connection. {@link go} alone changes the state. */
export interface Link extends Interceptor {
  readonly transport: SocketTransport;
  /** The transport's own `initSocket`. */
  readonly openSocket: () => void;
  readonly pending: PendingRequests;
  tokens: TokenProvider;
  isRejected: IsRejected;
  state: State;
  backoff: Backoff;
  /** Called once the connection is open, or nothing is tried any more. */
  settled: (() => void)[];
  /** Listens to the manager and to the page; returns what stops that. */
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

/** What follows from the state and from who waits. Without either nothing is tried, listened to or counted. */
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

/** Closes the connection, and ends what waits for an answer over it. */
export function end(link: Link, failure: unknown, final?: boolean): void {
  go(link, CLOSED);
  link.pending.fail(failure, final);
}
