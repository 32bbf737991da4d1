/**
 * A value that is too long for one cookie, as several, all or nothing.
 *
 * Every piece carries how many there are and a checksum of the whole, so that a missing piece, one of an older value,
 * or one of the same name on another path is told apart. `key` is the first piece, `key+1` the second, and so on:
 * `+` may stand in a cookie's name (RFC 6265 §4.1.1) and never comes out of `encodeURIComponent`.
 */

export type Cookie = readonly [name: string, value: string];

/** Browsers count 4,096 bytes with the name, some with the attributes too. */
const PIECE = 3500;

/** FNV-1a, 32 bits: against mix-ups, not against attackers. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(36);
}

export const pieceName = (key: string, index: number): string =>
  encodeURIComponent(key) + (index ? `+${index}` : "");

/** Which piece of `key` a cookie's name says it is; -1 for none. */
export function pieceIndex(key: string, name: string): number {
  const index = name === pieceName(key, 0) ? 0 : Number(name.slice(pieceName(key, 0).length + 1));
  return index >= 0 && name === pieceName(key, index) ? index : -1;
}

/** @param scope tells apart cookies of the same name, for example by their path. */
export function splitValue(key: string, value: string, scope: string): Cookie[] {
  const data = encodeURIComponent(value);
  const count = Math.max(1, Math.ceil(data.length / PIECE));
  const prefix = `${count}.${hash(data)}.${hash(scope)}.`;
  return Array.from({ length: count }, (_, index) => [
    pieceName(key, index),
    prefix + data.slice(index * PIECE, (index + 1) * PIECE),
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
  for (const [name, first] of cookies) {
    const [prefix = "", count, sum, scoped] = /^(\d+)\.(\w+)\.(\w+)\./.exec(first) ?? [];
    if (name !== pieceName(key, 0) || !prefix) continue;
    if (scope !== undefined && scoped !== hash(scope)) continue;
    let data = first.slice(prefix.length);
    for (let index = 1; index < Number(count); index++) {
      const piece = cookies.find(
        ([name, value]) => name === pieceName(key, index) && value.startsWith(prefix),
      );
      if (!piece) break;
      data += piece[1].slice(prefix.length);
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
