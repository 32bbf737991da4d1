import { hash } from "./hash.js";

/**
 * A value that is too long for one cookie, as several, all or nothing.
 *
 * Every piece carries how many there are and a checksum of the whole, so that a missing piece, one of an older value,
 * or one of the same name on another path is told apart. `key` is the first piece, `key+1` the second, and so on:
 * `+` may stand in a cookie's name (RFC 6265 §4.1.1) and never comes out of `encodeURIComponent`, which leaves the
 * prefixes `__Host-` and `__Secure-` as they are.
 */

export type Cookie = readonly [name: string, value: string];

/** Browsers count 4,096 bytes with the name, some with the attributes too: so much for those and the piece's prefix. */
const LIMIT = 4096 - 200;
/** More than the longest value that a browser keeps for one site; what promises more is none of ours. */
const MAX_PIECES = 50;
/** Cookies of one name, of other paths and domains, that are looked at. */
const MAX_SAME = 10;

export const pieceName = (key: string, index: number): string =>
  encodeURIComponent(key) + (index ? `+${index}` : "");

/** Which piece of `key` a cookie's name says it is; -1 for none. */
export function pieceIndex(key: string, name: string): number {
  const index = name === pieceName(key, 0) ? 0 : Number(name.slice(pieceName(key, 0).length + 1));
  return index >= 0 && name === pieceName(key, index) ? index : -1;
}

/**
 * @param scope tells apart cookies of the same name, for example by their path.
 * @throws where the value is too long for cookies.
 */
export function splitValue(key: string, value: string, scope: string): Cookie[] {
  const data = encodeURIComponent(value);
  const size = LIMIT - pieceName(key, MAX_PIECES).length - scope.length;
  const count = Math.max(1, Math.ceil(data.length / size));
  if (size < 1 || count > MAX_PIECES) throw new Error();
  const prefix = `${count}.${hash(data)}.${hash(scope)}.`;
  return Array.from({ length: count }, (_, index) => [
    pieceName(key, index),
    prefix + data.slice(index * size, (index + 1) * size),
  ]);
}

export function parseCookies(header: string): Cookie[] {
  return header.split(";").map((pair) => {
    const [name = "", ...value] = pair.trim().split("=");
    return [name, value.join("=")];
  });
}

/** The value put together again, or `null` where a piece is missing or of another value. Without `scope`, of any. */
export function joinPieces(key: string, cookies: readonly Cookie[], scope?: string): string | null {
  const first = pieceName(key, 0);
  const scoped = scope === undefined ? undefined : hash(scope);
  const starts: [prefix: string, count: number, sum: string, data: string][] = [];
  /** By name and prefix; of two alike the browser names the one with the longer path first. */
  const pieces = new Map<string, string>();
  for (const [name, value] of cookies) {
    if (!name.startsWith(first)) continue;
    const [prefix, count, sum, itsScope] = /^(\d{1,2})\.(\w{1,7})\.(\w{1,7})\./.exec(value) ?? [];
    if (!prefix) continue;
    const data = value.slice(prefix.length);
    const id = `${name}=${prefix}`;
    if (name !== first) pieces.has(id) || pieces.set(id, data);
    else if (scoped === undefined || itsScope === scoped) starts.push([prefix, Number(count), sum!, data]);
  }
  for (const [prefix, count, sum, start] of starts.slice(0, MAX_SAME)) {
    let data = start;
    for (let index = 1; index < count && index < MAX_PIECES; index++) {
      data += pieces.get(`${pieceName(key, index)}=${prefix}`) ?? "";
    }
    // The checksum also catches what a missing piece left out.
    if (hash(data) !== sum) continue;
    try {
      return decodeURIComponent(data);
    } catch {
      // Not ours: next.
    }
  }
  return null;
}
