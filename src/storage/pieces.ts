import { hash } from "./hash.js";

/**
 * Splits a value that is too long for one cookie into several, which are only read all together.
 *
 * Every piece contains the number of pieces and a checksum of the whole value, so that a missing piece, one of an older
 * value, or one of the same name on another path is detected. `key` is the first piece, `key+1` the second, and so on:
 * `+` is allowed in a cookie's name (RFC 6265 §4.1.1) and never produced by `encodeURIComponent`, which preserves the
 * prefixes `__Host-` and `__Secure-`.
 */

export type Cookie = readonly [name: string, value: string];

/** Browsers allow 4,096 bytes with the name, some with the attributes: 200 are for those and the piece's prefix. */
const LIMIT = 4096 - 200;
/** More than a browser keeps for one site. A cookie that claims more pieces was not written by this package. */
const MAX_PIECES = 50;
/** How many cookies of one name, from other paths and domains, are checked. */
const MAX_SAME = 10;

export const pieceName = (key: string, index: number): string =>
  encodeURIComponent(key) + (index ? `+${index}` : "");

/** The index of a piece of `key` from its cookie's name; -1 for any other cookie. */
export function pieceIndex(key: string, name: string): number {
  const index = name === pieceName(key, 0) ? 0 : Number(name.slice(pieceName(key, 0).length + 1));
  return index >= 0 && name === pieceName(key, index) ? index : -1;
}

/**
 * @param scope distinguishes cookies of the same name, for example by their path.
 * @throws if the value is too long for cookies.
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

/** Joins the pieces of a value. Returns `null` if one is missing or of another value. Without `scope`, of any scope. */
export function joinPieces(key: string, cookies: readonly Cookie[], scope?: string): string | null {
  const first = pieceName(key, 0);
  const scoped = scope === undefined ? undefined : hash(scope);
  const starts: [prefix: string, count: number, sum: string, data: string][] = [];
  /** By name and prefix. Of two with the same, the browser lists the one with the longer path first. */
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
    // The checksum also detects a missing piece.
    if (hash(data) !== sum) continue;
    try {
      return decodeURIComponent(data);
    } catch {
      // Not written by this package: try the next.
    }
  }
  return null;
}
