import { isCubeTokenError } from "../errors.js";
import type { CubeConnection, CubeStream, CubeTransport } from "./transport.js";

/**
 * A stream (`cubeSqlStream`) with a valid token. Cube's client (1.7.43) does not ask its token provider for one, and its
 * transport reports the status of a rejected stream only in the error's text: "HTTP 403: Forbidden".
 */
export function tokenStream(
  transport: CubeTransport,
  connection: CubeConnection,
  method: string,
  params: Record<string, unknown>,
): CubeStream {
  const signal = params.signal as AbortSignal | undefined;
  let inner: CubeStream | undefined;

  const start = async (token: string, repeated: boolean): Promise<AsyncIterable<Uint8Array>> => {
    connection.use(token);
    inner = transport.requestStream!(method, params);
    try {
      return await inner.stream();
    } catch (error) {
      const [, status, text = ""] = /^HTTP (\d{3})(?:: (.*))?$/s.exec((error as Error)?.message) ?? [];
      if (!status) throw error;
      Object.assign(error as Error, { status: Number(status) });
      if (repeated || !connection.isRejected({ status: Number(status), error: text })) throw error;
      const next = await connection.open(signal, token);
      if (next === token) throw error;
      return start(next, true);
    }
  };

  return {
    async stream() {
      try {
        return await start(await connection.open(signal), false);
      } catch (error) {
        // Cube's client recognizes an aborted stream by this name.
        const aborted = isCubeTokenError(error) && error.code === "ERR_ABORTED";
        throw aborted ? Object.assign(new Error(error.message), { name: "AbortError" }) : error;
      }
    },
    unsubscribe: async () => inner?.unsubscribe?.(),
  };
}
