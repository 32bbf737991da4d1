import { carefulRedirect } from "../source/request.js";
import type { TokenProvider } from "../types.js";
import { absolute, placeAt } from "./place.js";
import { isRejected as isRejectedByDefault, readFailure } from "./transport.js";

export type Fetch = typeof globalThis.fetch;

/**
 * Where the token goes, and how.
 *
 * @example
 * const options: FetchWithTokensOptions = { url: "/cubejs-api", header: "X-Cube-Authorization" };
 */
export interface FetchWithTokensOptions {
  /**
   * Where the token may go: this URL and everything below its path, on the same origin. Its query is ignored. A
   * relative URL is resolved against the page, as `fetch` does.
   * @example
   * const cubeFetch = withTokens(fetch, tokens, { url: "https://cube.example.com/cubejs-api" });
   */
  url: string | URL;
  /**
   * The header that carries the token. @default "Authorization"
   * @example
   * const cubeFetch = withTokens(fetch, tokens, { url: "/cubejs-api", header: "X-Cube-Authorization" });
   */
  header?: string | undefined;
  /**
   * The scheme before the token, such as `"Bearer"`. @default none: Cube takes the bare token
   * @example
   * const gatewayFetch = withTokens(fetch, tokens, { url: "https://gateway.example.com/cube", scheme: "Bearer" });
   */
  scheme?: string | undefined;
  /**
   * Whether the response means that the token was rejected. It gets a clone, whose body it may read.
   * @default 401, and 403 unless its error is "API scope is missing: …"
   * @example
   * const cubeFetch = withTokens(fetch, tokens, {
   *   url: "/cubejs-api",
   *   isRejected: async (response) => response.status === 500 && (await response.text()).includes("Token rejected"),
   * });
   */
  isRejected?: ((response: Response) => boolean | Promise<boolean>) | undefined;
}

/** A header name or a scheme (RFC 9110 §5.6.2): nothing that could end a header. */
const isWord = (value: unknown) => typeof value === "string" && /^[\w!#$%&'*+.^`|~-]+$/.test(value);

type Rule = readonly [check: (value: unknown) => boolean, expected: string];

const RULES: Record<keyof FetchWithTokensOptions, Rule> = {
  url: [
    (value) =>
      (typeof value === "string" || value instanceof URL) && /\S/.test(`${value}`) && !!placeAt(value),
    "an http(s) URL without credentials, and absolute outside a page",
  ],
  header: [isWord, "a header name"],
  scheme: [isWord, "one word"],
  isRejected: [(value) => typeof value === "function", "a function"],
};

function check(options: object): void {
  for (const [name, value] of Object.entries({ url: undefined, ...options })) {
    const rule = Object.hasOwn(RULES, name) && RULES[name as keyof FetchWithTokensOptions];
    if (!rule)
      throw new TypeError(`withTokens: unknown option "${name}". Valid: ${Object.keys(RULES).join(", ")}.`);
    if (!rule[0](value) && (value !== undefined || name === "url")) {
      throw new TypeError(`withTokens: "${name}" must be ${rule[1]}.`);
    }
  }
}

/** Whether a body can be sent again: true for all but streams of any kind. */
const isReplayable = (body: unknown): boolean => {
  const { getReader, pipe, [Symbol.asyncIterator]: iterate } = Object(body);
  return !(getReader || pipe || iterate);
};

/** Only a 403 has to be read: all other responses pass through unread. */
const refuses = async (response: Response): Promise<boolean> =>
  response.status === 401 || (response.status === 403 && isRejectedByDefault(await readFailure(response)));

/** Frees the connection or the memory of an unread body. A body that is being read stays intact. */
const drop = (message: Request | Response | undefined): void => {
  message?.body?.cancel().catch(() => {});
};

/** The error that `fetch` rejects with. React Native's signals have no reason. */
const aborted = (signal: AbortSignal) =>
  signal.reason ?? Object.assign(new Error("The request was aborted."), { name: "AbortError" });

/** `fetch` with the token for one URL and below; see `withTokens`. */
export function fetchWithTokens(fetch: Fetch, tokens: TokenProvider, options: FetchWithTokensOptions): Fetch {
  check(options);
  const { url, header = "Authorization", scheme, isRejected } = options;
  const isThere = placeAt(url)!;

  const judge = async (response: Response): Promise<boolean> => {
    if (!isRejected) return refuses(response);
    const copy = response.clone();
    try {
      return await isRejected(copy);
    } finally {
      drop(copy);
    }
  };

  return async (input, init) => {
    const request = typeof input === "object" && "url" in input ? input : undefined;
    const address = request ? request.url : String(input);
    const href = absolute(address);
    if (!href || !isThere(href)) return fetch(input, init);

    // Copied now: the token may take a while, and `fetch` itself would read the options immediately. Inherited ones too,
    // because an init may be a Request.
    const given: RequestInit & Record<string, unknown> = {};
    for (const name in init) given[name] = init[name as keyof RequestInit];
    const signal = (given.signal === undefined ? request?.signal : given.signal) ?? undefined;
    const headers = new Headers(given.headers ?? request?.headers);
    // Resolved here, so that the `fetch` below cannot resolve a relative address against another base.
    const target = request ?? (/^https?:\/\//i.test(address) ? address : href);

    const getToken = async () => {
      try {
        return await tokens.getToken(signal && { signal });
      } catch (error) {
        throw signal?.aborted ? aborted(signal) : error;
      }
    };
    const send = async (to: string | Request, token: string) => {
      if (!token) return fetch(to, given);
      const own = new Headers(headers);
      own.set(header, scheme ? `${scheme} ${token}` : token);
      const response = await fetch(to, { ...given, headers: own, redirect: carefulRedirect() });
      if (/^30[12378]$/.test(`${response.status}`)) {
        drop(response);
        throw new TypeError("Redirects are not followed with a token. Use the final URL.");
      }
      return response;
    };

    const token = await getToken();
    // The body of a Request can be sent only once, whatever its type.
    const spare = request && request.body !== null && given.body == null ? request.clone() : undefined;
    try {
      const response = await send(target, token);
      if (!(await judge(response))) return response;
      // If reading was aborted, it is unknown whether the token was rejected.
      if (signal?.aborted) throw aborted(signal);
      tokens.invalidate(token);
      if (!isReplayable(given.body)) return response;
      const next = await getToken().catch((error) => {
        drop(response);
        throw error;
      });
      if (next === token) return response;
      drop(response);
      return await send(spare ?? target, next);
    } finally {
      drop(spare);
    }
  };
}
