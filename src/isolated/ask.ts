/** What `@cubejs-client/core` 1.7 calls Cube's endpoints: all that a page can name. */
const METHODS = ["load", "subscribe", "sql", "meta", "dry-run", "cubesql"];

/** What a page may ask of Cube. */
export interface Ask {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** More than this in a header is nobody's request id. */
const REQUEST_ID = /^[\x20-\x7e]{1,256}$/;

/**
 * Reads what a page asks. It becomes a URL, a query, a body and one header (`x-request-id`) of a request that carries the
 * token, so that all of it is checked that is more than data of the query.
 *
 * @throws {TypeError} on anything that Cube's own client would not ask.
 */
export function readAsk(method: unknown, json: unknown): Ask {
  if (!METHODS.includes(method as string)) {
    throw new TypeError(`The worker asks Cube for ${METHODS.join(", ")} and nothing else.`);
  }
  const given: unknown = typeof json === "string" ? JSON.parse(json) : undefined;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError("The parameters of a request to Cube must be an object.");
  }
  // Names that HttpTransport takes for its own; all others are parameters for Cube.
  const {
    method: verb,
    fetchTimeout,
    baseRequestId,
    signal: _,
    ...params
  } = given as Record<string, unknown>;
  if (verb !== undefined && verb !== "GET" && verb !== "POST") {
    throw new TypeError("A request to Cube is a GET or a POST.");
  }
  if (baseRequestId !== undefined && !(typeof baseRequestId === "string" && REQUEST_ID.test(baseRequestId))) {
    throw new TypeError("baseRequestId must be 1 to 256 characters of visible ASCII.");
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
