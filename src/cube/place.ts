/** A path segment that some server may resolve upwards: `..` between slashes, encoded once or more, or before a `;`. */
const UP = /([/\\]|%(25)*(2f|5c))(\.|%(25)*2e){1,2}($|[/\\;]|%(25)*(2f|5c|3b))/i;

/** The base of relative addresses, as in `fetch`; `undefined` on a server. */
const base = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/** Returns the absolute address, or `undefined` if it is invalid. */
export function absolute(url: string | URL): string | undefined {
  try {
    return new URL(url, base()).href;
  } catch {
    return undefined;
  }
}

/** Origin and path of an http(s) address without credentials. Not with `URL`: React Native's lacks these members. */
const split = (href = ""): [origin: string, path: string] | undefined => {
  const [, origin, path = ""] = /^(https?:\/\/[^/\\?#@]+)(\/[^?#]*)?(?:[?#]|$)/.exec(href) ?? [];
  return origin ? [origin, path] : undefined;
};

/**
 * Returns a check for addresses at `url` or below: the same origin, and the same path or one that continues after a "/".
 *
 * @returns `undefined` if `url` is not an http(s) address.
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
