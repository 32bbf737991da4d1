/** The globals that distinguish runtimes. Any of them may be absent, or differ from a browser's. */
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
 * Whether this is Node, Deno, Bun, workerd or React Native, whatever globals exist: DOM libraries for tests and server
 * rendering define `document`, `location` and `navigator` there, too.
 *
 * Node before 21 has no `navigator`, and jsdom and happy-dom put their names into theirs. With a browser's user agent,
 * Node inside the browser (Electron, NW.js) does not count, unless BroadcastChannel is Node's own: a server may have
 * copied the user agent of a request.
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
 * Whether this is a page, or a worker with an origin, where storages belong to one user. Pages emulated by jsdom or
 * happy-dom count, so that an application's tests can use storages.
 */
export function isPage(): boolean {
  const { document, location } = globalThis as Globals;
  return !!document || (!!location && location.origin !== "null" && !isServer());
}

/** Whether there can be other tabs, all of the same user. On a server one process is not one user. */
export const hasTabs = (): boolean => isPage() && !isServer();

/** The origin and the base URL of this page or worker; empty if there is none. */
export function page(): [origin?: string | undefined, base?: string | undefined] {
  const { document, location } = globalThis as Globals;
  return location?.origin ? [location.origin, document?.baseURI ?? location.href] : [];
}
