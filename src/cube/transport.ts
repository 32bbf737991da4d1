/**
 * One request of a transport: each `subscribe` sends it once and hands the answer to its callback.
 *
 * @example
 * const request: CubeRequest = transport.request("meta", {});
 */
export interface CubeRequest {
  /**
   * Sends the request. `again` sends it once more, as Cube's client does for a query that takes long ("Continue wait").
   * @example
   * const meta = await transport.request("meta", {}).subscribe((response) => response.json());
   */
  // biome-ignore lint/suspicious/noExplicitAny: Cube's own ITransportResponse is generic over what no wrapper looks into.
  subscribe(callback: (result: any, again: () => Promise<any>) => any): Promise<any>;
  /**
   * Ends it, over a WebSocket.
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
   * Sends the request, and resolves to its answer as it arrives.
   * @example
   * for await (const chunk of await stream.stream()) console.debug(chunk.byteLength);
   */
  stream(): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Ends it.
   * @example
   * await stream.unsubscribe?.();
   */
  unsubscribe?(): Promise<unknown>;
}

/**
 * What a transport must have: Cube's own `ITransport`
 * (`@cubejs-client/core`, `src/HttpTransport.ts`), without depending on its types.
 * It must read its `authorization` while `subscribe()` or `stream()` is called, not later (not named here: it is
 * protected in the types of the early 1.x clients).
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
 * The part of a server's answer that tells whether it rejected the token.
 *
 * @example
 * const isRejected = ({ status, error }: CubeAnswer) => status === 500 && error === "Token rejected";
 */
export interface CubeAnswer {
  /**
   * HTTP status; over a WebSocket the status in the message.
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

/** 401, and 403 unless it is the token's scope that is wanting: another token would not have it either. */
export const isRejected: IsRejected = ({ status, error = "" }) =>
  status === 401 || (status === 403 && !error.startsWith("API scope is missing"));

/** An answer of the server's that is no good one. */
interface Failure {
  status: number;
  clone?(): { text(): Promise<string> };
}

export function isFailure(result: { status?: unknown }): result is Failure {
  const { status } = result;
  return typeof status === "number" && status >= 400;
}

/** Reads the status and the error of an answer, and leaves it unread for Cube's client. */
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

/** What a request goes out through: over HTTP each on its own, over a WebSocket all through one socket. */
export interface CubeConnection {
  /**
   * Resolves to the token in force once requests can be sent. `refused` is a token that Cube has refused: it is
   * invalidated, and replaced where another can be had.
   */
  open(signal: AbortSignal | undefined, refused?: string): Promise<string>;
  readonly isRejected: IsRejected;
  /** Called right before a request is sent. */
  use(token: string): void;
  /**
   * Takes a request that waits for its answer; returns a function that takes it out again.
   *
   * @param fail ends it, whose answer cannot come any more; `final` says that it must not be sent again either.
   */
  add(fail: (failure: unknown, final?: boolean) => void, signal: AbortSignal | undefined): () => void;
  /** The parameters as this transport can take them. */
  params(params: Record<string, unknown>): Record<string, unknown>;
}
