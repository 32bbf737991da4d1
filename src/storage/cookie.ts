import { connectable } from "./connectable.js";
import { joinPieces, parseCookies, pieceIndex, pieceName, splitValue } from "./pieces.js";
import { checkOptions, type Store, type TokenStorage } from "./storage.js";

/**
 * Attributes of the cookies.
 *
 * @example
 * const options: CookieStorageOptions = { path: "/dashboards", sameSite: "Lax" };
 */
export interface CookieStorageOptions {
  /**
   * Path prefix of the URLs that the cookie is sent to. @default "/"
   * @example
   * const storage = cookieStorage({ path: "/dashboards" });
   */
  path?: string | undefined;
  /**
   * Shares the cookie with all subdomains of this domain. @default the page's host only
   * @example
   * const storage = cookieStorage({ domain: "example.com" });
   */
  domain?: string | undefined;
  /**
   * Whether requests from other sites carry the cookie (RFC 6265bis §5.6.7). @default "Strict", and "None" with `partitioned`
   * @example
   * const storage = cookieStorage({ sameSite: "Lax" });
   */
  sameSite?: "Strict" | "Lax" | "None" | undefined;
  /**
   * Sends the cookie over https only. @default location.protocol === "https:", and true with `partitioned`
   * @example
   * const storage = cookieStorage({ secure: true });
   */
  secure?: boolean | undefined;
  /**
   * For a page embedded in another site: a separate cookie for each embedding site (CHIPS, https://developer.mozilla.org/docs/Web/Privacy/Guides/Privacy_sandbox/Partitioned_cookies).
   * @default false
   * @example
   * const storage = cookieStorage({ partitioned: true });
   */
  partitioned?: boolean | undefined;
}

const TYPES = {
  path: "string",
  domain: "string",
  sameSite: "string",
  secure: "boolean",
  partitioned: "boolean",
};

export function cookieStore(options: CookieStorageOptions = {}): Store {
  checkOptions("cookieStorage", options, TYPES);
  const { path = "/", domain, partitioned, secure, sameSite = partitioned ? "None" : "Strict" } = options;
  if (/[;\s]/.test(path + (domain ?? "")) || !["Strict", "Lax", "None"].includes(sameSite)) {
    throw new TypeError(
      "cookieStorage: no ; or space in path and domain, and sameSite must be Strict, Lax or None",
    );
  }
  if (partitioned && secure === false) throw new TypeError("cookieStorage: partitioned needs secure");
  const scope = `${domain ?? ""} ${path}`;

  const jar = () => parseCookies(document.cookie);
  const read = (key: string) => joinPieces(key, jar(), scope);
  const put = (name: string, value: string, maxAge?: number) => {
    const isSecure = secure ?? (partitioned || globalThis.location?.protocol === "https:");
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is asynchronous and not in every browser.
    document.cookie =
      `${name}=${value}; Path=${path}; SameSite=${sameSite}` +
      (domain ? `; Domain=${domain}` : "") +
      (isSecure ? "; Secure" : "") +
      (partitioned ? "; Partitioned" : "") +
      (maxAge === undefined ? "" : `; Max-Age=${maxAge}`);
  };
  /** Removes the visible pieces from index `from` on. With 0 it removes the first even if that is not visible. */
  const drop = (key: string, from = 0) => {
    for (const [name] of jar()) if (pieceIndex(key, name) >= from) put(name, "", -1);
    if (from) return;
    const first = pieceName(key, 0);
    // If two tabs write at once, a Firefox process may keep a cookie that the browser no longer has. It is notified of a
    // removal only if there was something to remove.
    put(first, "");
    put(first, "", -1);
  };

  return {
    isSync: true,
    getItem: read,
    setItem(key, value, expiresAt = Infinity) {
      const maxAge =
        expiresAt < Infinity ? Math.max(1, Math.ceil((expiresAt - Date.now()) / 1000)) : undefined;
      const pieces = splitValue(key, value, scope);
      for (const [name, piece] of pieces) put(name, piece, maxAge);
      drop(key, pieces.length);
      if (read(key) !== value) {
        drop(key);
        throw new Error();
      }
    },
    removeItem(key) {
      drop(key);
      // A sibling subdomain can set a cookie for the whole domain. Removing it takes its exact attributes.
      if (read(key) !== null) throw new Error();
    },
  };
}

/**
 * Keeps the token in cookies, where the page's server can read it, too (`tokenFromCookies`).
 *
 * Cookies are sent with every request to the host, and servers limit the size of request headers (Node: 16 kB in total):
 * do not use them for tokens of many kilobytes. `Max-Age` follows the token's expiry. Every write and removal is read
 * back, because browsers silently drop cookies that they do not accept
 * (https://github.com/okta/okta-auth-js/issues/937).
 *
 * Any subdomain of your site can set cookies for the whole site. Only a `storageKey` that begins with `__Host-` prevents
 * this: the browser then accepts the cookie from this host only (RFC 6265bis §4.1.3.2; https, `path` "/" and no
 * `domain`).
 *
 * @throws {TypeError} on an unknown option or a wrong value.
 * @example
 * const storage = cookieStorage({ partitioned: true }); // in an iframe on another site
 */
export const cookieStorage = (options?: CookieStorageOptions): TokenStorage =>
  connectable(cookieStore(options), true);
