import type { CubeAnswer } from "../transport.js";

export interface Message {
  handshake?: unknown;
  messageId?: number;
  status?: number;
  message?: { error?: string };
}

/** Parses a message of Cube's server; `undefined` for anything else. */
export function readMessage(data: unknown): Message | undefined {
  try {
    const message = JSON.parse(String(data));
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The server's rejection of a token: an error that answers no request. */
export const readRefusal = ({ messageId, status = 0, message }: Message): CubeAnswer | undefined =>
  messageId === undefined && status >= 400 ? { status, error: message?.error ?? "" } : undefined;

/** Turns that rejection into the answer to a request. */
export const asResult = ({ status, error }: CubeAnswer) => ({
  status,
  text: async () => JSON.stringify({ error }),
});
