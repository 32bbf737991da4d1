import type { CubeTransport } from "../transport.js";
import { type Message, readMessage } from "./messages.js";

/** `WebSocket.OPEN` */
export const OPEN = 1;

/** A WebSocket as `@cubejs-client/ws-transport` 1.7 furnishes it. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
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

/** "Continue wait" wants the same request once more, which the transport holds back until its next heartbeat. */
function letRepeat(transport: SocketTransport, ws: Socket, { messageId, message }: Message): void {
  if (messageId === undefined || !message?.error?.startsWith?.("Continue wait")) return;
  const { method } = transport.messageIdToSubscription[messageId]?.message ?? {};
  if (method && method !== "subscribe") delete ws.messageIdSent[messageId];
}

export interface Interceptor {
  /** Called with each message, `undefined` for what is none of Cube's; says whether the transport shall see it. */
  onMessage(message: Message | undefined): boolean;
  /** Something was sent. */
  onSend(): void;
  /** The socket was closed, and the transport knows it. */
  onClose(ws: Socket): void;
}

/** Steps between a socket and its transport. */
export function intercept(transport: SocketTransport, ws: Socket, interceptor: Interceptor): void {
  const { onmessage, onclose } = ws;
  const send = ws.send.bind(ws);
  ws.send = (text) => {
    send(text);
    interceptor.onSend();
  };
  ws.onmessage = (event) => {
    if (transport.ws !== ws) return;
    const message = readMessage(event.data);
    if (!interceptor.onMessage(message)) return;
    letRepeat(transport, ws, message!);
    onmessage(event);
  };
  ws.onclose = ws.onerror = (event) => {
    onclose(event);
    interceptor.onClose(ws);
  };
}

/** Each handshake starts a heartbeat, and only the close event ends one: it may come late, or never. */
export const stopHeartbeat = (ws: Socket): void => clearInterval(ws.reconcileTimer ?? undefined);

/** Closes a socket, and the transport does not reconnect by itself. */
export function disconnect(transport: SocketTransport, ws: Socket): void {
  if (transport.ws === ws) transport.ws = null;
  stopHeartbeat(ws);
  ws.close();
}
