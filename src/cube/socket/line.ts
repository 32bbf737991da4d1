import { CubeTokenError } from "../../errors.js";
import type { TokenEvent, TokenProvider } from "../../types.js";
import type { CubeAnswer, IsRejected, Line } from "../transport.js";
import { Backoff } from "./backoff.js";
import { intercept, type Message, OPEN, type SocketTransport } from "./transport.js";
import { type Fail, Waiting } from "./waiting.js";

/** A connection that lasted this long was a good one: the next is tried at once. */
const STABLE = 10_000;
/** A server that takes the socket must say within this that it takes the token too. */
const HANDSHAKE_TIMEOUT = 10_000;

/** What came of an attempt to connect: an answer is the server's refusal. */
type Outcome = "open" | "closed" | CubeAnswer;

/** The open connection. */
interface Connection {
  /** The token that it was authorised with. */
  readonly token: string;
  /** A newer one that has been sent over it. */
  readonly offered?: string | undefined;
  readonly openedAt: number;
}

/** The server's refusal of the connection, as the answer to a request. */
const asResult = ({ status, error }: CubeAnswer) => ({
  status,
  text: async () => JSON.stringify({ error }),
});

/** The connection of a `WebSocketTransport`: opened with a valid token, kept authorised, reopened with pauses. */
export class SocketLine implements Line {
  readonly #transport: SocketTransport;
  readonly #tokens: TokenProvider;
  readonly #isRejected: IsRejected;
  readonly #openSocket: () => Promise<void>;
  readonly #waiting = new Waiting(() => this.#watch());
  #connection: Connection | undefined;
  #opening: Promise<void> | undefined;
  /** Connections in a row that failed or did not last. */
  readonly #backoff = new Backoff();
  #stopListening: (() => void) | undefined;

  constructor(transport: SocketTransport, tokens: TokenProvider, isRejected: IsRejected) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#isRejected = isRejected;
    this.#openSocket = transport.initSocket.bind(transport);
    // The transport calls it when it has something to send, and when its socket was closed.
    transport.initSocket = async () => {
      if (!this.#waiting.isEmpty) await this.open();
      // What is queued goes out with the next connection.
      if (!this.#connection) await new Promise(() => {});
    };
    transport.close = async () => {
      transport.messageIdToSubscription = {};
      transport.messageQueue = [];
      this.#end(() => ({ error: "aborted" }), true);
    };
  }

  async open(_signal?: AbortSignal, refused?: string): Promise<string> {
    if (this.#connection && refused === this.#connection.token) {
      this.#backoff.fail();
      this.#drop();
    }
    if (!this.#connection) {
      this.#opening ??= this.#connect();
      await this.#opening;
    }
    // An open connection needs no token; a manager that was disposed must be heard of nevertheless.
    else this.#tokens.getToken().catch((error) => error.code === "ERR_DISPOSED" && this.#end(error, true));
    // Where there is none after all, who waits has been told.
    return this.#connection?.token ?? "";
  }

  use(): void {}

  enter(fail: Fail, signal: AbortSignal | undefined): () => void {
    return this.#waiting.enter(fail, signal);
  }

  /** The signal stays here: it would be written into the message, and the server answers 400. */
  params({ signal: _, ...params }: Record<string, unknown>): Record<string, unknown> {
    return params;
  }

  /** Closes the connection, and ends what waits for an answer over it. */
  #end(failure: unknown, final?: boolean): void {
    this.#drop();
    this.#waiting.fail(failure, final);
  }

  #drop(): void {
    const { ws } = this.#transport;
    // First, so that the transport does not reconnect by itself.
    this.#transport.ws = null;
    this.#connection = undefined;
    ws?.close();
    this.#watch();
  }

  /** Listens and counts only while somebody waits or a connection is open. */
  #watch(): void {
    const open = this.#connection !== undefined;
    const idle = this.#waiting.isEmpty;
    if (idle && this.#backoff.giveUp) {
      this.#opening = undefined;
      this.#backoff.giveUp();
    }
    this.#waiting.watch(open);
    if (!idle || open) this.#stopListening ??= this.#tokens.subscribe(this.#onEvent);
    else {
      this.#stopListening?.();
      this.#stopListening = undefined;
    }
  }

  readonly #onEvent = ({ type }: TokenEvent): void => {
    if (type === "refreshed") this.#reauthorise();
    // What comes over the open socket is for the eyes of who has signed out.
    if (type === "cleared") {
      this.#end(new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Query again after signing in."));
    }
  };

  /**
   * Authorises the open connection with the new token. Cube's server takes that without a word to the subscriptions;
   * a reconnect would send each of them its result once more.
   */
  async #reauthorise(): Promise<void> {
    const { ws } = this.#transport;
    if (!this.#connection || !ws) return;
    const token = await this.#tokens.getToken().catch(() => undefined);
    const connection = this.#connection;
    if (!connection || this.#transport.ws !== ws || ws.readyState !== OPEN) return;
    if (token === undefined || token === connection.token || token === connection.offered) return;
    this.#connection = { ...connection, offered: token };
    ws.sendMessage({ authorization: token });
  }

  /** Connects, as often as it takes, for as long as somebody waits. Never rejects: who waits is told. */
  async #connect(): Promise<void> {
    let refused: { token: string; answer: CubeAnswer } | undefined;
    let failure: unknown;
    while (!failure) {
      // A refused token is replaced at once, the first time.
      if (!refused && !(await this.#backoff.pause())) return;
      try {
        const token = await this.#tokens.getToken();
        if (this.#waiting.isEmpty) break;
        const outcome = token === refused?.token ? refused.answer : await this.#dial(token);
        if (outcome === "open" || this.#waiting.isEmpty) break;
        this.#backoff.fail();
        if (outcome === "closed") {
          refused = undefined;
        } else {
          const isRefused = this.#isRejected(outcome);
          if (isRefused) this.#tokens.invalidate(token);
          if (isRefused && !refused) refused = { token, answer: outcome };
          else failure = () => asResult(outcome);
        }
      } catch (error) {
        this.#backoff.fail();
        failure = error;
      }
    }
    this.#opening = undefined;
    if (failure) this.#waiting.fail(failure);
  }

  /** Opens one socket and waits for the server's word on the token. */
  #dial(token: string): Promise<Outcome> {
    const transport = this.#transport;
    // The transport has no socket now, so that this only remembers the token; with one it would close that.
    transport.authorization = token;
    this.#openSocket();
    const ws = transport.ws!;
    return new Promise((resolve) => {
      const timer = setTimeout(() => end("closed"), HANDSHAKE_TIMEOUT);
      const end = (outcome: Outcome) => {
        clearTimeout(timer);
        if (outcome !== "open" && transport.ws === ws) this.#drop();
        resolve(outcome);
      };
      const read = (message: Message | undefined): boolean => {
        if (!message) {
          this.#backoff.fail();
          this.#end(
            new Error("The WebSocket server sent something else than Cube's messages. Is apiUrl right?"),
          );
          return false;
        }
        const { handshake, messageId, status = 0 } = message;
        const { offered = token, openedAt = performance.now() } = this.#connection ?? {};
        if (handshake) {
          // Each handshake starts another heartbeat.
          clearInterval(ws.reconcileTimer ?? undefined);
          this.#connection = { token: offered, openedAt };
          this.#watch();
          end("open");
        } else if (messageId === undefined && status >= 400) {
          const answer = { status, error: message.message?.error ?? "" };
          if (!this.#connection) end(answer);
          // The old token's authorisation stays.
          else if (this.#connection.offered && this.#isRejected(answer)) this.#tokens.invalidate(offered);
          return false;
        }
        return true;
      };
      const closed = (tell: () => void) => {
        const lost = transport.ws === ws && this.#connection;
        if (lost) {
          this.#connection = undefined;
          if (performance.now() - lost.openedAt > STABLE) this.#backoff.recover();
          this.#backoff.fail();
        }
        tell();
        end("closed");
        this.#watch();
        if (lost && !this.#waiting.isEmpty) this.open();
      };
      intercept(transport, ws, read, closed);
    });
  }
}
