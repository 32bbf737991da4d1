import type { CubeTransport } from "../transport.js";

/** `WebSocket.OPEN` */
export const OPEN = 1;

/** A WebSocket as `@cubejs-client/ws-transport` 1.7 furnishes it. */
export interface Socket {
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
 * This folder is the one place that uses them; `test/cube/websocket.test.ts` fails where they change.
 */
export interface SocketTransport extends CubeTransport {
  authorization?: string | undefined;
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

export interface Message {
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

/** "Continue wait" wants the same request once more, which the transport holds back until its next heartbeat. */
function letRepeat(transport: SocketTransport, ws: Socket, { messageId, message }: Message): void {
  if (messageId === undefined || !message?.error?.startsWith?.("Continue wait")) return;
  const { method } = transport.messageIdToSubscription[messageId]?.message ?? {};
  if (method && method !== "subscribe") delete ws.messageIdSent[messageId];
}

/**
 * Steps between a socket and its transport.
 *
 * @param read gets each message, `undefined` for what is none of Cube's; says whether the transport shall see it.
 * @param closed is given what tells the transport.
 */
export function intercept(
  transport: SocketTransport,
  ws: Socket,
  read: (message: Message | undefined) => boolean,
  closed: (tell: () => void) => void,
): void {
  const { onmessage, onclose } = ws;
  ws.onmessage = (event) => {
    if (transport.ws !== ws) return;
    const message = readMessage(event.data);
    if (!read(message)) return;
    letRepeat(transport, ws, message!);
    onmessage(event);
  };
  ws.onclose = ws.onerror = (event) => closed(() => onclose(event));
}
