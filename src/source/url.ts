/** What relative URLs are relative to; `undefined` on a server. */
const base = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

const isAbsolute = (url: string): boolean => /^[a-z][\w+.-]*:/i.test(url);

/** Whether `fetch` cannot know where this is. */
export const isNowhere = (url: string | URL): boolean => !isAbsolute(String(url)) && !base();

/** The whole URL, where that can be told. */
export function resolveUrl(url: string | URL): string {
  const text = String(url);
  try {
    // React Native's URL adds a slash to what is whole already.
    return isAbsolute(text) ? text : new URL(text, base()).href;
  } catch {
    return text;
  }
}

/** As it may be shown: without query and password. */
export const bareUrl = (url: string): string => url.replace(/[?#].*/s, "").replace(/\/\/[^/]*@/, "//");

/** `undefined` for a relative URL. */
export function originOf(url: string): string | undefined {
  try {
    return new URL(url).origin;
  } catch {
    // React Native's knows no origin.
    return /^\w+:\/\/[^/?#]+/.exec(url)?.[0];
  }
}

/** Whether this is on the page's own origin; never on a server. */
export const isSameOrigin = (url: string): boolean =>
  !!globalThis.location && originOf(url) === globalThis.location.origin;
