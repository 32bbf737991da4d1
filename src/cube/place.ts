/** A path segment that leads up, as servers may read it: `..` between slashes, encoded once or more, or before a `;`. */
const UP = /([/\\]|%(25)*(2f|5c))(\.|%(25)*2e){1,2}($|[/\\;]|%(25)*(2f|5c|3b))/i;

/** What a relative address is relative to, for `fetch` too; `undefined` on a server. */
const base = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/** The whole address; `undefined` for none. */
export function absolute(url: string | URL): string | undefined {
  try {
    return new URL(url, base()).href;
  } catch {
    return undefined;
  }
}

/** Origin and path of an http address without a user. Not by `URL`: React Native's has none of this. */
const split = (href = ""): [origin: string, path: string] | undefined => {
  const [, origin, path = ""] = /^(https?:\/\/[^/\\?#@]+)(\/[^?#]*)?(?:[?#]|$)/.exec(href) ?? [];
  return origin ? [origin, path] : undefined;
};

/**
 * Whether an address is at `url` or below: the same origin, and the same path or one that goes on after a "/".
 *
 * @returns `undefined` where `url` is no http address.
 */
export function placeAt(url: string | URL): ((href: string) => boolean) | undefined {
  const place = split(absolute(url));
  if (!place) return undefined;
  const [origin, path] = place;
  const prefix = `${path.replace(/\/+$/, "")}/`;
  return (href) => {
    const [otherOrigin, otherPath = ""] = split(href) ?? [];
    return otherOrigin === origin && `${otherPath}/`.startsWith(prefix) && !UP.test(otherPath);
  };
}
