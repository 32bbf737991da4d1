import { customStorage } from "./custom.js";
import { joinPieces, parseCookies, pieceIndex, pieceName, splitValue } from "./pieces.js";
import type { TokenStorage } from "./storage.js";

export interface CookieStorageOptions {
  /** @default "/" */
  path?: string;
  /** The host alone by default; a domain shares the cookie with its subdomains. */
  domain?: string;
  /** @default "Strict" */
  sameSite?: "Strict" | "Lax" | "None";
  /** @default location.protocol === "https:" */
  secure?: boolean;
}

/**
 * Keeps the token in cookies, where the server of the page can read it too (`tokenFromCookies`).
 *
 * They are sent with every request to the host, and servers limit a request's headers (Node: 16 kB in all): not for
 * tokens of many kilobytes. `Max-Age` follows the token's expiry. What is written is read back, because a browser
 * drops a cookie that it does not like without a word (https://github.com/okta/okta-auth-js/issues/937).
 */
export function cookieStorage({
  path = "/",
  domain,
  sameSite = "Strict",
  secure,
}: CookieStorageOptions = {}): TokenStorage {
  if (/[;\s]/.test(path + (domain ?? "")) || !["Strict", "Lax", "None"].includes(sameSite)) {
    throw new TypeError("cookieStorage: path and domain hold no ; or space, sameSite is Strict, Lax or None");
  }
  const scope = `${domain ?? ""} ${path}`;

  const jar = () => {
    if (!globalThis.document) throw new Error("There are no cookies here");
    return parseCookies(document.cookie);
  };
  const put = (name: string, value: string, maxAge?: number) => {
    const isSecure = secure ?? globalThis.location?.protocol === "https:";
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is asynchronous and not in every browser.
    document.cookie =
      `${name}=${value}; Path=${path}; SameSite=${sameSite}` +
      (domain ? `; Domain=${domain}` : "") +
      (isSecure ? "; Secure" : "") +
      (maxAge === undefined ? "" : `; Max-Age=${maxAge}`);
  };
  /** Removes the pieces from number `from` on that can be seen, and the first in any case. */
  const drop = (key: string, from = 0) => {
    for (const [name] of jar()) if (pieceIndex(key, name) >= from) put(name, "", -1);
    if (from) return;
    const first = pieceName(key, 0);
    // Where two tabs write at once, one process of Firefox may be left with a cookie that the browser no longer has, and
    // is told of a removal only if there was something to remove.
    put(first, "");
    put(first, "", -1);
  };

  return customStorage({
    shared: true,
    getItem: (key) => joinPieces(key, jar(), scope),
    setItem(key, value, { expiresAt } = {}) {
      const maxAge =
        expiresAt === undefined ? undefined : Math.max(1, Math.ceil((expiresAt - Date.now()) / 1000));
      const pieces = splitValue(key, value, scope);
      for (const [name, piece] of pieces) put(name, piece, maxAge);
      drop(key, pieces.length);
      if (joinPieces(key, jar(), scope) !== value) {
        drop(key);
        throw new Error("The browser did not keep the cookie");
      }
    },
    removeItem: (key) => drop(key),
  });
}
