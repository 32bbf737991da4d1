/** What relative URLs are relative to; `undefined` on a server. */
const base = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/** The whole URL, where that can be told. */
export function resolveUrl(url: string | URL): string {
  try {
    return new URL(url, base()).href;
  } catch {
    return String(url);
  }
}

/** As it may be shown: without query and password. */
export const bareUrl = (url: string | URL): string =>
  String(url)
    .replace(/[?#].*/s, "")
    .replace(/\/\/[^/]*@/, "//");

/** `undefined` for a relative URL. React Native's `URL` knows no origin. */
export const originOf = (url: string): string | undefined => /^\w+:\/\/[^/?#]+/.exec(url)?.[0];
