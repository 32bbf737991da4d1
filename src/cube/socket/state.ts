import type { CubeAnswer } from "../transport.js";
import type { Socket } from "./transport.js";

export type Timer = ReturnType<typeof setTimeout>;

/** The server's refusal of a token. */
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

/** The token is on its way: waits for the server's word on it. */
interface Handshaking {
  readonly phase: "handshaking";
  readonly ws: Socket;
  readonly token: string;
  /** Of the token before, which this one replaces. */
  readonly refusal: Refusal | undefined;
  readonly offered?: undefined;
  readonly openedAt?: undefined;
  /** Gives the socket up. */
  readonly timer: Timer;
}

interface Open {
  readonly phase: "open";
  readonly ws: Socket;
  /** The token that it was authorised with. */
  readonly token: string;
  readonly offered?: undefined;
  readonly openedAt: number;
  /** Runs while a request has been sent and nothing at all has come since. */
  readonly timer?: Timer | undefined;
}

/** Open, and a token was sent once more: a newer one, or the same to see whether the server is still there. */
interface Reauthorising {
  readonly phase: "reauthorising";
  readonly ws: Socket;
  readonly token: string;
  readonly openedAt: number;
  readonly offered: string;
  /** Gives the socket up. */
  readonly timer: Timer;
}

/** A socket belongs to one state, and so does a timer: both end when the state is left, unless the next has them too. */
export type State = Closed | Pausing | Connecting | Handshaking | Open | Reauthorising;

export const CLOSED: Closed = { phase: "closed" };

/** Requests can be sent. */
export const isOpen = (state: State): state is Open | Reauthorising => "openedAt" in state;
