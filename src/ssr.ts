import { readToken } from "./core/token.js";
import { keyOfEndpoint } from "./storage/key.js";
import { joinPieces, parseCookies } from "./storage/pieces.js";
import { readRecord } from "./storage/record.js";
import { checkOptions } from "./storage/storage.js";

/**
 * Reads a token that the server put into the page, for `initialToken`:
 * `<meta name="cube-token" content="eyJ…">`, or the text of any other element.
 *
 * @param selector CSS selector of the element. @default 'meta[name="cube-token"]'
 * @returns `undefined` if there is no such element, it is empty, or there is no page (on a server).
 * @example
 * new CubeTokenManager({ endpoint: "/auth/cubejs-token", initialToken: embeddedToken() });
 */
export function embeddedToken(selector = 'meta[name="cube-token"]'): string | undefined {
  const element = globalThis.document?.querySelector(selector);
  return (element?.getAttribute("content") ?? element?.textContent)?.trim() || undefined;
}

/**
 * Which token {@link tokenFromCookies} reads.
 *
 * @example
 * const options: TokenFromCookiesOptions = { endpoint: "/auth/cubejs-token", identity: user.id };
 */
export interface TokenFromCookiesOptions {
  /**
   * The manager's `endpoint` as the browser has it: a path, or a whole URL.
   * @example
   * tokenFromCookies(request.headers.cookie, { endpoint: "/auth/cubejs-token", identity: user.id });
   */
  endpoint?: string | URL | undefined;
  /**
   * The page's origin, for an `endpoint` that is a whole URL on it.
   * @example
   * tokenFromCookies(request.headers.cookie, { endpoint: "https://app.example.com/token", origin: "https://app.example.com" });
   */
  origin?: string | undefined;
  /**
   * The manager's `storageKey`, if it has one.
   * @example
   * tokenFromCookies(request.headers.cookie, { storageKey: "__Host-cube", identity: user.id });
   */
  storageKey?: string | undefined;
  /**
   * The signed-in user. A token of another identity is not returned.
   * @example
   * tokenFromCookies(request.headers.cookie, { endpoint: "/auth/cubejs-token", identity: user.id });
   */
  identity?: string | undefined;
}

/**
 * Reads on a server the token that `cookieStorage()` keeps in the browser, for example to render a page with data.
 * The token is what the browser sent, and no proof of the user's identity: only Cube verifies it.
 *
 * @param cookieHeader the request's `Cookie` header.
 * @param options `endpoint` or `storageKey` as the manager has it, and its `identity`.
 * @returns `undefined` if there is none, it has expired by the server's clock, or it belongs to another identity.
 * @throws {TypeError} if neither `endpoint` nor `storageKey` is given, and on an option of the wrong type.
 * @example
 * const initialToken = tokenFromCookies(request.headers.cookie, { endpoint: "/auth/cubejs-token", identity: user.id });
 */
export function tokenFromCookies(
  cookieHeader: string | null | undefined,
  options: TokenFromCookiesOptions &
    (
      | {
          /**
           * Required without a `storageKey`.
           * @example
           * tokenFromCookies(request.headers.cookie, { endpoint: "/auth/cubejs-token", identity: user.id });
           */
          endpoint: string | URL;
        }
      | {
          /**
           * Required without an `endpoint`.
           * @example
           * tokenFromCookies(request.headers.cookie, { storageKey: "__Host-cube", identity: user.id });
           */
          storageKey: string;
        }
    ),
): string | undefined {
  const { endpoint, origin, storageKey, identity }: TokenFromCookiesOptions = options ?? {};
  if (!endpoint && !storageKey) {
    throw new TypeError('tokenFromCookies: pass the "endpoint" or "storageKey" of the manager.');
  }
  checkOptions("tokenFromCookies", options, {
    endpoint: endpoint instanceof URL ? "object" : "string",
    origin: "string",
    storageKey: "string",
    identity: "string",
  });
  const key = storageKey || keyOfEndpoint(endpoint!, origin && new URL(origin).origin);
  const record = readRecord(joinPieces(key, parseCookies(cookieHeader ?? "")));
  if (!record || record.identity !== identity) return undefined;
  try {
    const { value, exp = record.expiresAt ?? Infinity } = readToken(record.token);
    return exp > Date.now() ? value : undefined;
  } catch {
    return undefined;
  }
}
