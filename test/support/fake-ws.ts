/**
 * Stands in for `isomorphic-ws`, so that Cube's own WebSocketTransport runs on Vitest's clock against a server that a test
 * controls. For a real server, see `test/cube/websocket.test.ts`.
 */
export default class FakeSocket {
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  static all: FakeSocket[] = [];
  /** `"down"`: cuts every new connection; `"silent"`: accepts it and never answers. */
  static mode: "up" | "down" | "silent" = "up";
  static accepts: (token: string) => boolean = () => true;
  /** The server's answer to a refused token. */
  static refusal: object = { status: 403, message: { error: "Invalid token" } };
  static answer: (socket: FakeSocket, message: Message) => void = (socket, { messageId }) =>
    socket.say({ messageId, status: 200, message: { rows: messageId } });

  static reset(): void {
    Object.assign(FakeSocket, {
      all: [],
      mode: "up",
      accepts: () => true,
      refusal: { status: 403, message: { error: "Invalid token" } },
      answer: (socket: FakeSocket, { messageId }: Message) =>
        socket.say({ messageId, status: 200, message: { rows: messageId } }),
    });
  }

  static last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }

  /** Half-open: the server is up, but nothing passes through this socket any more. */
  isDead = false;
  readyState = 0;
  readonly openedAt = performance.now();
  readonly got: Message[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: object) => void;
  onerror?: (event: object) => void;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
    setTimeout(() => {
      if (this.readyState) return;
      if (FakeSocket.mode === "down") return this.cut();
      this.readyState = 1;
      this.onopen?.();
    }, 5);
  }

  send(text: string): void {
    const message: Message = JSON.parse(text);
    this.got.push(message);
    setTimeout(() => {
      if (this.readyState !== 1 || FakeSocket.mode === "silent" || this.isDead) return;
      if (message.authorization !== undefined) {
        this.say(FakeSocket.accepts(message.authorization) ? { handshake: true } : FakeSocket.refusal);
      } else if (message.method) FakeSocket.answer(this, message);
    }, 5);
  }

  /** Sends a message from the server. */
  say(message: object | string): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  close(): void {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    setTimeout(() => this.cut(), 1);
  }

  /** Loses the connection. */
  cut(): void {
    this.readyState = 3;
    this.onclose?.({});
  }

  /** The tokens sent over it. */
  get tokens(): string[] {
    return this.got.flatMap(({ authorization }) => authorization ?? []);
  }

  /** The requests sent over it. */
  get requests(): Message[] {
    return this.got.filter(({ method }) => method);
  }
}

export interface Message {
  authorization?: string;
  messageId?: number;
  method?: string;
  params?: object;
  unsubscribe?: number;
}
