import { hash } from "./hash.js";

/** An origin that no page has (RFC 6761 §6.4). */
const NOWHERE = "http://page.invalid";

/**
 * The default `storageKey` of an endpoint: its path on the page's own origin, otherwise the whole URL. The query may be
 * secret or long, so it is replaced by a hash.
 *
 * @param origin the page's; absent on a server and in React Native. @param base the page's base URL.
 */
export function keyOfEndpoint(
  endpoint: string | URL,
  origin: string = NOWHERE,
  base: string = origin,
): string {
  let address = String(endpoint).replace(/#.*/s, "");
  try {
    const url = new URL(address, base);
    address = (url.origin === origin ? "" : url.origin) + url.pathname + url.search;
  } catch {
    // React Native's URL lacks some of these properties. There the text is good enough.
  }
  const [path, ...query] = address.split("?");
  return `cube.token:${path}${query.length ? `?${hash(query.join("?"))}` : ""}`;
}
