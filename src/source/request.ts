/** Cloudflare Workers throw on what they do not know: `cache` before compatibility date 2024-11-11, `redirect: "error"`. */
function isKnown(init: RequestInit): boolean {
  try {
    return !!new Request("http://localhost", init);
  } catch {
    return false;
  }
}

/** Of a request with something in it that must not travel along. Where it is `"manual"`, the answer is the redirect. */
export function carefulRedirect(): "error" | "manual" {
  return isKnown({ redirect: "error" }) ? "error" : "manual";
}

/**
 * The request for a token, from what the application wants of it.
 *
 * @param origin of the endpoint.
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
  // Frameworks that know it answer 401 instead of redirecting to a sign-in page. Across origins it costs a preflight.
  // A sandboxed page's own origin is none, whatever its location says.
  const own = globalThis.origin ?? globalThis.location?.origin;
  if (origin && origin === own && !headers.has("x-requested-with")) {
    headers.set("x-requested-with", "XMLHttpRequest");
  }
  const given = Object.entries(init).filter(([, value]) => value !== undefined);
  return {
    credentials: "same-origin",
    ...(isKnown({ cache: "no-store" }) && { cache: "no-store" }),
    ...Object.fromEntries(given),
    // The application's own headers and body would travel along.
    redirect: init.redirect ?? (isOwn ? carefulRedirect() : "follow"),
    headers,
    signal,
  };
}
