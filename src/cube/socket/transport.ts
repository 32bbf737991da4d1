import type { CubeTransport } from "../transport.js";
import { type Message, readMessage } from "./messages.js";

/** `WebSocket.OPEN` */
export const OPEN = 1;

/** A WebSocket with the members that `@cubejs-client/ws-transport` 1.7 adds. */
export interface Socket {
  readonly readyState: number;
  send(text: string): void;
  close(): void;
  onmessage: (event: { data: unknown }) => void;
  onclose: (event: unknown) => void;
  onerror: (event: unknown) => void;
  sendMessage(message: unknown): void;
  /** Requests that were sent through this socket, and are not sent twice. */
  messageIdSent: Record<string, boolean>;
  reconcileTimer?: ReturnType<typeof setInterval> | null;
}

/**
 * `WebSocketTransport`, including its private members. There is no public way to fetch the token when connecting, to learn
 * that a token was rejected, or to pause before a reconnect:
 * https://github.com/cube-js/cube/blob/master/packages/cubejs-client-ws-transport/src/index.ts.
 * Only this folder uses them; `test/cube/websocket.test.ts` fails if they change.
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

/** "Continue wait" asks for the same request again, which the transport would hold back until its next heartbeat. */
function letRepeat(transport: SocketTransport, ws: Socket, { messageId, message }: Message): void {
  if (messageId === undefined || !message?.error?.startsWith?.("Continue wait")) return;
  const { method } = transport.messageIdToSubscription[messageId]?.message ?? {};
  if (method && method !== "subscribe") delete ws.messageIdSent[messageId];
}

export interface Interceptor {
  /** Called with each message, or `undefined` if it is not Cube's; returns whether the transport gets it. */
  onMessage(message: Message | undefined): boolean;
  /** Something was sent. */
  onSend(): void;
  /** The socket was closed, and the transport knows it. */
  onClose(ws: Socket): void;
}

/** Hooks in between a socket and its transport. */
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

/** Each handshake starts a heartbeat, and only the close event ends it, which may come late or never. */
export const stopHeartbeat = (ws: Socket): void => clearInterval(ws.reconcileTimer ?? undefined);

/** Closes a socket without an automatic reconnect by the transport. */
export function disconnect(transport: SocketTransport, ws: Socket): void {
  if (transport.ws === ws) transport.ws = null;
  stopHeartbeat(ws);
  ws.close();
}
