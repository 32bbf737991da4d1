/** Cloudflare Workers throw on unsupported options: `cache` before compatibility date 2024-11-11, `redirect: "error"`. */
function isKnown(init: RequestInit): boolean {
  try {
    return !!new Request("http://localhost", init);
  } catch {
    return false;
  }
}

/** The mode for a request whose content must not follow a redirect. With `"manual"` the answer is the redirect itself. */
export function carefulRedirect(): "error" | "manual" {
  return isKnown({ redirect: "error" }) ? "error" : "manual";
}

/**
 * Creates the request for a token from the application's `request` option.
 *
 * @param origin the endpoint's.
 */
export function createRequest(
  origin: string | undefined,
  init: RequestInit,
  signal: AbortSignal,
): RequestInit & { redirect: RequestRedirect } {
  const headers = new Headers(init.headers);
  let isOwn = init.body != null;
  headers.forEach(() => {
    isOwn = true;
  });
  if (!headers.has("accept")) headers.set("accept", "application/json");
  // Frameworks that support this header answer 401 instead of redirecting to a sign-in page. Across origins it would
  // cost a preflight. A sandboxed page has an opaque origin, whatever its location says.
  const own = globalThis.origin ?? globalThis.location?.origin;
  if (origin && origin === own && !headers.has("x-requested-with")) {
    headers.set("x-requested-with", "XMLHttpRequest");
  }
  const given = Object.entries(init).filter(([, value]) => value !== undefined);
  return {
    credentials: "same-origin",
    ...(isKnown({ cache: "no-store" }) && { cache: "no-store" }),
    ...Object.fromEntries(given),
    // The application's own headers and body would follow the redirect.
    redirect: init.redirect ?? (isOwn ? carefulRedirect() : "follow"),
    headers,
    signal,
  };
}
