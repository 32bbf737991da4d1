/**
 * One request of a transport: each `subscribe` sends it once and passes the answer to its callback.
 *
 * @example
 * const request: CubeRequest = transport.request("meta", {});
 */
export interface CubeRequest {
  /**
   * Sends the request. `again` repeats it, as Cube's client does for a slow query ("Continue wait").
   * @example
   * const meta = await transport.request("meta", {}).subscribe((response) => response.json());
   */
  // biome-ignore lint/suspicious/noExplicitAny: Cube's own ITransportResponse is generic over what no wrapper looks into.
  subscribe(callback: (result: any, again: () => Promise<any>) => any): Promise<any>;
  /**
   * Ends the request, over a WebSocket.
   * @example
   * const request = transport.request("load", { query });
   * await request.unsubscribe?.();
   */
  unsubscribe?: (() => Promise<unknown>) | undefined;
}

/**
 * One streaming request of a transport.
 *
 * @example
 * const stream: CubeStream | undefined = transport.requestStream?.("cubesql", { params: { query: "SELECT 1" } });
 */
export interface CubeStream {
  /**
   * Sends the request; resolves to the response's chunks as they arrive.
   * @example
   * for await (const chunk of await stream.stream()) console.debug(chunk.byteLength);
   */
  stream(): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Ends the stream.
   * @example
   * await stream.unsubscribe?.();
   */
  unsubscribe?(): Promise<unknown>;
}

/**
 * What a transport must have: Cube's own `ITransport` (`@cubejs-client/core`, `src/HttpTransport.ts`), without depending
 * on its types. The transport must read its `authorization` synchronously in `subscribe()` and `stream()`. That member is
 * not listed here, because it is protected in the types of the early 1.x clients.
 *
 * @example
 * const transport: CubeTransport = new HttpTransport({ apiUrl: "/cubejs-api/v1" });
 */
export interface CubeTransport {
  /**
   * Prepares a request, which `subscribe` sends.
   * @example
   * const request = transport.request("load", { query });
   */
  // biome-ignore lint/suspicious/noExplicitAny: Cube types the parameters as any object.
  request(method: string, params: any): CubeRequest;
  /**
   * Prepares a streaming request, which `stream` sends.
   * @example
   * const stream = transport.requestStream?.("cubesql", { params: { query: "SELECT 1" } });
   */
  // biome-ignore lint/suspicious/noExplicitAny: the same.
  requestStream?(method: string, params: any): CubeStream;
}

/**
 * The part of a server's answer that shows whether it rejected the token.
 *
 * @example
 * const isRejected = ({ status, error }: CubeAnswer) => status === 500 && error === "Token rejected";
 */
export interface CubeAnswer {
  /**
   * The HTTP status, or over a WebSocket the status in the message.
   * @example
   * const isRejected: IsRejected = ({ status }) => status === 401;
   */
  status: number;
  /**
   * The error's text.
   * @example
   * const isRejected: IsRejected = ({ error }) => error === "Token rejected";
   */
  error?: string;
}

/**
 * Whether an answer means that the server rejected the token.
 *
 * @example
 * const isRejected: IsRejected = ({ status, error }) => status === 500 && error === "Token rejected";
 */
export type IsRejected = (answer: CubeAnswer) => boolean;

/** 401, and 403 unless the token lacks a scope: a new token would lack it too. */
export const isRejected: IsRejected = ({ status, error = "" }) =>
  status === 401 || (status === 403 && !error.startsWith("API scope is missing"));

/** A server's answer with an error status. */
interface Failure {
  status: number;
  clone?(): { text(): Promise<string> };
}

export function isFailure(result: { status?: unknown }): result is Failure {
  const { status } = result;
  return typeof status === "number" && status >= 400;
}

/** Reads the status and the error from a copy of the answer, so that Cube's client can still read it. */
export async function readFailure(result: Failure): Promise<CubeAnswer> {
  const { status } = result;
  try {
    const text = await result.clone!().text();
    try {
      return { status, error: String(JSON.parse(text).error) };
    } catch {
      return { status, error: text };
    }
  } catch {
    return { status };
  }
}

/** Sends requests: over HTTP each on its own, over a WebSocket all through one socket. */
export interface CubeConnection {
  /**
   * Resolves to the current token once requests can be sent. `refused` is a token that Cube has rejected: it is invalidated
   * and, if possible, replaced.
   */
  open(signal: AbortSignal | undefined, refused?: string): Promise<string>;
  readonly isRejected: IsRejected;
  /** Called right before a request is sent. */
  use(token: string): void;
  /**
   * Adds a request that waits for its answer; returns a function that removes it.
   *
   * @param fail ends a request that can get no answer any more; with `final` it must not be sent again either.
   */
  add(fail: (failure: unknown, final?: boolean) => void, signal: AbortSignal | undefined): () => void;
  /** Returns the parameters that this transport accepts. */
  params(params: Record<string, unknown>): Record<string, unknown>;
}
