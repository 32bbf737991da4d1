import { readToken } from "./core/token.js";
import { joinPieces, parseCookies } from "./storage/pieces.js";
import { readRecord } from "./storage/record.js";

/**
 * Reads a token that the server put into the page, for `initialToken`:
 * `<meta name="cube-token" content="eyJ…">`, or the text of any other element.
 *
 * @param selector CSS selector of the element. @default 'meta[name="cube-token"]'
 * @returns `undefined` where there is no such element, it is empty, or there is no page (on a server).
 */
export function embeddedToken(selector = 'meta[name="cube-token"]'): string | undefined {
  const element = globalThis.document?.querySelector(selector);
  return (element?.getAttribute("content") ?? element?.textContent)?.trim() || undefined;
}

/**
 * Reads on a server the token that `cookieStorage()` keeps in the browser, for example to render a page with data.
 * It says what the browser sent: only Cube verifies it.
 *
 * @param cookieHeader the request's `Cookie` header.
 * @returns `undefined` where there is none, it has expired by the server's clock, or it is of another identity.
 */
export function tokenFromCookies(
  cookieHeader: string | null | undefined,
  {
    storageKey = "cube.token",
    identity,
  }: { storageKey?: string | undefined; identity?: string | undefined } = {},
): string | undefined {
  const record = readRecord(joinPieces(storageKey, parseCookies(cookieHeader ?? "")));
  if (!record || record.identity !== identity) return undefined;
  try {
    const { value, exp = record.expiresAt ?? Infinity } = readToken(record.token);
    return exp > Date.now() ? value : undefined;
  } catch {
    return undefined;
  }
}
