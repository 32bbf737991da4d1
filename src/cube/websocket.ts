import { CubeTokenError } from "../errors.js";
import type { TokenEvent, TokenProvider } from "../types.js";
import type { CubeAnswer, CubeTransport, IsRejected, Line } from "./transport.js";

/** `WebSocket.OPEN` */
const OPEN = 1;
/** A server that takes the socket must say within this that it takes the token too. */
const HANDSHAKE_TIMEOUT = 10_000;
/** A request that finds no connection for this long fails. */
const PATIENCE = 30_000;
/** A connection that lasted this long was a good one: the next is tried at once. */
const STABLE = 10_000;
/** Between attempts to connect: exponential with full jitter, from the first of these to the second at the most. */
const FIRST_DELAY = 1000;
const MAX_DELAY = 10_000;

/** A WebSocket as `@cubejs-client/ws-transport` 1.7 furnishes it. */
interface Socket {
  readonly readyState: number;
  close(): void;
  onmessage: (event: { data: unknown }) => void;
  onclose: (event: unknown) => void;
  onerror: (event: unknown) => void;
  sendMessage(message: unknown): void;
  /** Requests that went out through this socket, and are not sent twice. */
  messageIdSent: Record<string, boolean>;
  reconcileTimer?: ReturnType<typeof setInterval> | null;
}

/**
 * `WebSocketTransport`, with the members that it does not publish. There is no public way to connect with a token that
 * is fetched then, to learn that a token was refused, or to pause before a reconnect:
 * https://github.com/cube-js/cube/blob/master/packages/cubejs-client-ws-transport/src/index.ts.
 * This file is the one place that uses them; `test/cube/websocket.test.ts` fails where they change.
 */
interface SocketTransport extends CubeTransport {
  ws: Socket | null;
  initSocket(): Promise<void>;
  messageIdToSubscription: Record<string, { message: { method: string } }>;
  messageQueue: unknown[];
  close(): Promise<void>;
}

export const isSocketTransport = (transport: object): transport is SocketTransport =>
  "ws" in transport &&
  "messageQueue" in transport &&
  "messageIdToSubscription" in transport &&
  typeof (transport as SocketTransport).initSocket === "function" &&
  typeof (transport as SocketTransport).close === "function";

type Fail = (failure: unknown, final?: boolean) => void;

/** What came of an attempt to connect: an answer is the server's refusal. */
type Outcome = "open" | "closed" | CubeAnswer;

interface Message {
  handshake?: unknown;
  messageId?: number;
  status?: number;
  message?: { error?: string };
}

/** A message of Cube's server, `undefined` for anything else. */
function readMessage(data: unknown): Message | undefined {
  try {
    const message = JSON.parse(String(data));
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
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
  readonly #dialSocket: () => Promise<void>;
  /** The requests that wait for an answer. */
  readonly #pending = new Set<Fail>();
  /** The token that the open connection was authorised with; `undefined` while there is none. */
  #token: string | undefined;
  /** A newer one that has been sent over it. */
  #offered: string | undefined;
  #opening: Promise<void> | undefined;
  #openedAt = 0;
  /** Connections in a row that failed or did not last, and when the next may be tried. */
  #failures = 0;
  #retryAt = 0;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #endPause: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(transport: SocketTransport, tokens: TokenProvider, isRejected: IsRejected) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#isRejected = isRejected;
    this.#dialSocket = transport.initSocket.bind(transport);
    // The transport calls it when it has something to send, and when its socket was closed.
    transport.initSocket = async () => {
      if (this.#pending.size) await this.open();
      // What is queued goes out with the next connection.
      if (this.#token === undefined) await new Promise(() => {});
    };
    transport.close = async () => {
      transport.messageIdToSubscription = {};
      transport.messageQueue = [];
      this.#end(() => ({ error: "aborted" }), true);
    };
  }

  async open(_signal?: AbortSignal, refused?: string): Promise<string> {
    if (this.#token !== undefined && refused === this.#token) {
      this.#countFailure();
      this.#drop();
    }
    if (this.#token === undefined) {
      this.#opening ??= this.#connect();
      await this.#opening;
    }
    // An open connection needs no token; a manager that was disposed must be heard of nevertheless.
    else this.#tokens.getToken().catch((error) => error.code === "ERR_DISPOSED" && this.#end(error, true));
    // Where there is none after all, who waits has been told.
    return this.#token ?? "";
  }

  use(): void {}

  enter(fail: Fail, signal: AbortSignal | undefined): () => void {
    const abort = () => fail({ error: "aborted" }, true);
    this.#pending.add(fail);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) queueMicrotask(abort);
    this.#watch();
    return () => {
      this.#pending.delete(fail);
      signal?.removeEventListener("abort", abort);
      this.#watch();
    };
  }

  /** The signal stays here: it would be written into the message, and the server answers 400. */
  params({ signal: _, ...params }: Record<string, unknown>): Record<string, unknown> {
    return params;
  }

  /** @param failure what every request gets, or a function that makes one for each. */
  #failAll(failure: unknown, final?: boolean): void {
    for (const fail of [...this.#pending]) fail(typeof failure === "function" ? failure() : failure, final);
  }

  /** Closes the connection, and ends what waits for an answer over it. */
  #end(failure: unknown, final?: boolean): void {
    this.#drop();
    this.#failAll(failure, final);
  }

  #drop(): void {
    const { ws } = this.#transport;
    // First, so that the transport does not reconnect by itself.
    this.#transport.ws = null;
    this.#token = this.#offered = undefined;
    ws?.close();
    this.#watch();
  }

  #countFailure(): void {
    this.#failures++;
    this.#retryAt =
      performance.now() + Math.random() * Math.min(MAX_DELAY, FIRST_DELAY * 2 ** (this.#failures - 1));
  }

  /** Listens and counts only while somebody waits or a connection is open. */
  #watch(): void {
    const idle = !this.#pending.size;
    const open = this.#token !== undefined;
    if (idle) this.#endPause?.();
    if (idle || open) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
    } else {
      this.#patience ??= setTimeout(() => {
        this.#patience = undefined;
        // The words of Cube's HttpTransport, so that networkErrorRetries counts.
        this.#failAll(() => ({ error: "network Error" }));
      }, PATIENCE);
    }
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
    if (this.#token === undefined || !ws) return;
    const token = await this.#tokens.getToken().catch(() => undefined);
    if (token === undefined || token === this.#token || token === this.#offered) return;
    if (this.#transport.ws !== ws || ws.readyState !== OPEN) return;
    this.#offered = token;
    ws.sendMessage({ authorization: token });
  }

  /** Waits until the next attempt is due; resolves to whether somebody still waits for it then. */
  #pause(): Promise<boolean> {
    const delay = this.#retryAt - performance.now();
    if (delay <= 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(true), delay);
      const end = (go: boolean) => {
        clearTimeout(timer);
        this.#endPause = undefined;
        resolve(go);
      };
      this.#endPause = () => {
        this.#opening = undefined;
        end(false);
      };
    });
  }

  /** Connects, as often as it takes, for as long as somebody waits. Never rejects: who waits is told. */
  async #connect(): Promise<void> {
    let refused: { token: string; answer: CubeAnswer } | undefined;
    let failure: unknown;
    while (!failure) {
      // A refused token is replaced at once, the first time.
      if (!refused && !(await this.#pause())) return;
      try {
        const token = await this.#tokens.getToken();
        if (!this.#pending.size) break;
        const outcome = token === refused?.token ? refused.answer : await this.#dial(token);
        if (outcome === "open" || !this.#pending.size) break;
        this.#countFailure();
        if (outcome === "closed") {
          refused = undefined;
        } else {
          const isRefused = this.#isRejected(outcome);
          if (isRefused) this.#tokens.invalidate(token);
          if (isRefused && !refused) refused = { token, answer: outcome };
          else failure = () => asResult(outcome);
        }
      } catch (error) {
        this.#countFailure();
        failure = error;
      }
    }
    this.#opening = undefined;
    if (failure) this.#failAll(failure);
  }

  /** Opens one socket and waits for the server's word on the token. */
  #dial(token: string): Promise<Outcome> {
    const transport = this.#transport;
    // The transport has no socket now, so that this only remembers the token; with one it would close that.
    transport.authorization = token;
    this.#dialSocket();
    const ws = transport.ws!;
    return new Promise((resolve) => {
      const timer = setTimeout(() => end("closed"), HANDSHAKE_TIMEOUT);
      const end = (outcome: Outcome) => {
        clearTimeout(timer);
        if (outcome !== "open" && transport.ws === ws) this.#drop();
        resolve(outcome);
      };
      const { onmessage, onclose } = ws;
      ws.onmessage = (event) => {
        if (transport.ws !== ws) return;
        const message = readMessage(event.data);
        if (!message) {
          this.#countFailure();
          this.#end(
            new Error("The WebSocket server sent something else than Cube's messages. Is apiUrl right?"),
          );
          return;
        }
        const { handshake, messageId, status = 0 } = message;
        if (handshake) {
          // Each handshake starts another heartbeat.
          clearInterval(ws.reconcileTimer ?? undefined);
          this.#token = this.#offered ?? token;
          this.#openedAt ||= performance.now();
          this.#watch();
          end("open");
        } else if (messageId === undefined && status >= 400) {
          const answer = { status, error: message.message?.error ?? "" };
          if (this.#token === undefined) end(answer);
          // The old token's authorisation stays.
          else if (this.#offered !== undefined && this.#isRejected(answer))
            this.#tokens.invalidate(this.#offered);
          return;
        }
        this.#letRepeat(ws, message);
        onmessage(event);
      };
      ws.onclose = ws.onerror = (event) => {
        const lost = transport.ws === ws && this.#token !== undefined;
        if (lost) {
          this.#token = this.#offered = undefined;
          if (performance.now() - this.#openedAt > STABLE) this.#failures = 0;
          this.#countFailure();
        }
        onclose(event);
        end("closed");
        this.#watch();
        if (lost && this.#pending.size) this.open();
      };
    });
  }

  /** "Continue wait" wants the same request once more, which the transport holds back until its next heartbeat. */
  #letRepeat(ws: Socket, { messageId, message }: Message): void {
    if (messageId === undefined || !message?.error?.startsWith?.("Continue wait")) return;
    const { method } = this.#transport.messageIdToSubscription[messageId]?.message ?? {};
    if (method && method !== "subscribe") delete ws.messageIdSent[messageId];
  }
}
