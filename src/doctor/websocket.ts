import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";

const TIMEOUT = 5000;
const TEXT = 1;
const CLOSE = 8;

/** The WebSocket's reply to the token. */
export type Socketed =
  | { readonly message: unknown }
  /** The server did not upgrade: it answered with plain HTTP. */
  | { readonly status: number }
  | { readonly failure: string };

/** A text frame as a client sends it, masked (RFC 6455 §5.2). */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  const isShort = payload.length < 126;
  const head = Buffer.alloc(isShort ? 2 : 4);
  head[0] = 0x80 | TEXT;
  head[1] = 0x80 | (isShort ? payload.length : 126);
  if (!isShort) head.writeUInt16BE(payload.length, 2);
  for (const [index, byte] of payload.entries()) payload[index] = byte ^ mask[index % 4]!;
  return Buffer.concat([head, mask, payload]);
}

/** The first complete frame of at most 64 KiB, and the bytes after it. */
function readFrame(bytes: Buffer): { opcode: number; text: string; rest: Buffer } | undefined {
  if (bytes.length < 4) return undefined;
  const short = bytes[1]! & 0x7f;
  const start = short < 126 ? 2 : 4;
  const end = start + (short < 126 ? short : bytes.readUInt16BE(2));
  if (short === 127 || bytes.length < end) return undefined;
  return { opcode: bytes[0]! & 0x0f, text: bytes.toString("utf8", start, end), rest: bytes.subarray(end) };
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

function talk(socket: Duplex, head: Buffer, token: string, done: (socketed: Socketed) => void): void {
  let bytes = head;
  const read = () => {
    for (let next = readFrame(bytes); next; next = readFrame(bytes)) {
      bytes = next.rest;
      if (next.opcode === TEXT) done({ message: parse(next.text) });
      if (next.opcode === CLOSE) done({ failure: "it was closed immediately" });
    }
  };
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    read();
  });
  socket.on("error", () => done({ failure: "the connection broke" }));
  socket.on("close", () => done({ failure: "it was closed immediately" }));
  socket.write(frame(JSON.stringify({ authorization: token })));
  read();
}

/**
 * Opens a WebSocket and authorizes it as Cube's transport does. Written by hand, because Node 20 has no client.
 *
 * @param url `http:` or `https:`
 */
export function askSocket(url: URL, origin: string, token: string): Promise<Socketed> {
  return new Promise((resolve) => {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      agent: false,
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        origin,
        "sec-websocket-version": "13",
        "sec-websocket-key": randomBytes(16).toString("base64"),
      },
    });
    const done = (socketed: Socketed) => {
      clearTimeout(timer);
      resolve(socketed);
      request.destroy();
    };
    const timer = setTimeout(() => done({ failure: `no answer within ${TIMEOUT / 1000} s` }), TIMEOUT);
    request.on("upgrade", (_, socket, head) => {
      const end = (socketed: Socketed) => {
        done(socketed);
        socket.destroy();
      };
      if (token.length > 60_000) end({ failure: "the token is too long" });
      else talk(socket, head, token, end);
    });
    request.on("response", ({ statusCode = 0 }) => done({ status: statusCode }));
    request.on("error", (error: NodeJS.ErrnoException) => done({ failure: error.code ?? "network failure" }));
    request.end();
  });
}
