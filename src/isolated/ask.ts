/** The names of Cube's endpoints in `@cubejs-client/core` 1.7. A page can request only these. */
const METHODS = ["load", "subscribe", "sql", "meta", "dry-run", "cubesql"];

/** A checked request of a page to Cube. */
export interface Ask {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** A valid request id for the header. */
const REQUEST_ID = /^[\x20-\x7e]{1,256}$/;

/**
 * Reads a page's request. It becomes a URL, a query, a body and one header (`x-request-id`) of a request that carries the
 * token, so everything except the query's data is checked.
 *
 * @throws {TypeError} on anything that Cube's own client would not send.
 */
export function readAsk(method: unknown, json: unknown): Ask {
  if (!METHODS.includes(method as string)) {
    throw new TypeError(`The worker sends only these requests to Cube: ${METHODS.join(", ")}.`);
  }
  const given: unknown = typeof json === "string" ? JSON.parse(json) : undefined;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError("The parameters of a request to Cube must be an object.");
  }
  // The names that HttpTransport uses itself. All others are parameters for Cube.
  const {
    method: verb,
    fetchTimeout,
    baseRequestId,
    signal: _,
    ...params
  } = given as Record<string, unknown>;
  if (verb !== undefined && verb !== "GET" && verb !== "POST") {
    throw new TypeError("A request to Cube must be GET or POST.");
  }
  if (baseRequestId !== undefined && !(typeof baseRequestId === "string" && REQUEST_ID.test(baseRequestId))) {
    throw new TypeError("baseRequestId must be 1 to 256 printable ASCII characters.");
  }
  const isTimeout = typeof fetchTimeout === "number" && fetchTimeout > 0;
  return {
    method: method as string,
    params: {
      ...params,
      ...(verb && { method: verb }),
      ...(baseRequestId && { baseRequestId }),
      ...(isTimeout && { fetchTimeout: Math.min(fetchTimeout, 2 ** 31 - 1) }),
    },
  };
}
