/** What relative URLs are relative to; `undefined` on a server. */
const base = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/** The absolute URL, if it can be resolved. */
export function resolveUrl(url: string | URL): string {
  try {
    return new URL(url, base()).href;
  } catch {
    return String(url);
  }
}

/** The URL as errors may show it: without query and credentials. */
export const bareUrl = (url: string | URL): string =>
  String(url)
    .replace(/[?#].*/s, "")
    .replace(/\/\/[^/]*@/, "//");

/** `undefined` for a relative URL. React Native's `URL` has no `origin`. */
export const originOf = (url: string): string | undefined => /^\w+:\/\/[^/?#]+/.exec(url)?.[0];
