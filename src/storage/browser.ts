/** What is looked at to tell the runtimes apart; any of it may be absent, or of another kind than it is in a browser. */
interface Globals {
  navigator?: { userAgent?: string; product?: string };
  process?: { versions?: { node?: string } };
  Deno?: { version?: unknown };
  Bun?: { version?: unknown };
  BroadcastChannel?: { prototype?: object };
  document?: { baseURI?: string };
  location?: { origin?: string; href?: string };
}

/**
 * Node, Deno, Bun, workerd and React Native, whatever globals they have: DOM libraries for tests and for rendering on a
 * server define `document`, `location` and `navigator` there too.
 *
 * Node before 21 has no `navigator`, and jsdom and happy-dom name themselves in theirs. Where a real browser says who it
 * is, Node inside of it (Electron, NW.js) does not count, unless the channel is Node's own: a server can give itself the
 * user agent of a request.
 */
export function isServer(): boolean {
  const { navigator, process, Deno, Bun } = globalThis as Globals;
  const agent = navigator?.userAgent ?? "";
  const isBrowsers = () =>
    /^Mozilla(?!.*(jsdom|HappyDOM))/.test(agent) &&
    !("unref" in ((globalThis as Globals).BroadcastChannel?.prototype ?? {}));
  return (
    navigator?.product === "ReactNative" ||
    /^(Node|Deno|Bun|Cloudflare)/.test(agent) ||
    !!(Deno ?? Bun)?.version ||
    (!!process?.versions?.node && !isBrowsers())
  );
}

/**
 * A page, or a worker of an origin: there storages for one user exist. A page that jsdom or happy-dom stand in for has
 * them too, so that an application's tests can use them.
 */
export function isPage(): boolean {
  const { document, location } = globalThis as Globals;
  return !!document || (!!location && location.origin !== "null" && !isServer());
}

/** There are other tabs, and all of them are the same user's. On a server one process is not one user. */
export const hasTabs = (): boolean => isPage() && !isServer();

/** The origin of this page, or worker, and what it resolves URLs against; nothing where there is none. */
export function page(): [origin?: string | undefined, base?: string | undefined] {
  const { document, location } = globalThis as Globals;
  return location?.origin ? [location.origin, document?.baseURI ?? location.href] : [];
}
