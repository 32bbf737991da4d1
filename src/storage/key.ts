import { hash } from "./hash.js";

/** An origin that no page has (RFC 6761 §6.4). */
const NOWHERE = "http://page.invalid";

/**
 * The name under which the token of an endpoint is stored, unless the application gives one: the path on the page's own
 * origin, else the whole URL. The query may be secret or long, and goes in as a hash.
 *
 * @param origin of the page; absent on a server and in React Native. @param base what the page resolves URLs against.
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
    // React Native's URL does not know all of these; there the text is as good.
  }
  const [path, ...query] = address.split("?");
  return `cube.token:${path}${query.length ? `?${hash(query.join("?"))}` : ""}`;
}
