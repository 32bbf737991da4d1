import type { CubeAnswer } from "../transport.js";
import type { Socket } from "./transport.js";

export type Timer = ReturnType<typeof setTimeout>;

/** The server's rejection of a token. */
export interface Refusal {
  readonly token: string;
  readonly answer: CubeAnswer;
}

interface Closed {
  readonly phase: "closed";
  readonly ws?: undefined;
  readonly timer?: undefined;
}

/** Waits before the next attempt to connect. */
interface Pausing {
  readonly phase: "pausing";
  readonly ws?: undefined;
  readonly timer: Timer;
}

/** Waits for the manager's token. */
interface Connecting {
  readonly phase: "connecting";
  readonly ws?: undefined;
  readonly timer?: undefined;
}

/** The token was sent: waits for the server to accept or reject it. */
interface Handshaking {
  readonly phase: "handshaking";
  readonly ws: Socket;
  readonly token: string;
  /** The rejection of the previous token, which this one replaces. */
  readonly refusal: Refusal | undefined;
  readonly offered?: undefined;
  readonly openedAt?: undefined;
  /** Abandons the socket. */
  readonly timer: Timer;
}

interface Open {
  readonly phase: "open";
  readonly ws: Socket;
  /** The token that authorized it. */
  readonly token: string;
  readonly offered?: undefined;
  readonly openedAt: number;
  /** Runs from a sent request until any message arrives. */
  readonly timer?: Timer | undefined;
}

/** Open, and a token was sent again: a newer one, or the same one to check that the server is still there. */
interface Reauthorising {
  readonly phase: "reauthorising";
  readonly ws: Socket;
  readonly token: string;
  readonly openedAt: number;
  readonly offered: string;
  /** Abandons the socket. */
  readonly timer: Timer;
}

/** Sockets and timers belong to a state: both end when the state is left, unless the next state has them too. */
export type State = Closed | Pausing | Connecting | Handshaking | Open | Reauthorising;

export const CLOSED: Closed = { phase: "closed" };

/** Requests can be sent. */
export const isOpen = (state: State): state is Open | Reauthorising => "openedAt" in state;
