import { readBody } from "../source/body.js";
import { bareUrl } from "../source/url.js";

/** Same as the manager's `requestTimeout`. */
const TIMEOUT = 10_000;
const MAX_REDIRECTS = 5;

/** A response as a page would get it. URLs have no query. */
export interface Seen {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly contentType: string;
  readonly text: string;
  /** On this machine's clock. */
  readonly cameAt: number;
  /** In ms. */
  readonly roundTrip: number;
  readonly redirected: boolean;
  /** The target of a redirect that was not followed. */
  readonly leadsTo: string | undefined;
}

/** No response. */
export interface Unseen {
  readonly url: string;
  readonly failure: string;
}

function why(error: unknown): string {
  const { name, code, message, cause } = Object(error);
  if (code === "ERR_INVALID_RESPONSE") return message;
  if (name === "TimeoutError") return `no answer within ${TIMEOUT / 1000} s`;
  return String(Object(cause).code ?? "network failure");
}

function target({ status, headers }: Response, from: URL): URL | undefined {
  const location = headers.get("location");
  if (status < 300 || status > 399 || location === null) return undefined;
  try {
    return new URL(location, from);
  } catch {
    return from;
  }
}

/**
 * Sends one request. Redirects are followed only within the origin, because they carry the cookie.
 *
 * @param follow whether redirects are followed at all.
 */
export async function request(
  url: URL,
  init: { method?: string; headers: Headers },
  follow = false,
): Promise<Seen | Unseen> {
  let at = url;
  try {
    for (let redirects = 0; ; redirects++) {
      const sentAt = Date.now();
      const signal = AbortSignal.timeout(TIMEOUT);
      const response = await fetch(at, { ...init, redirect: "manual", cache: "no-store", signal });
      const cameAt = Date.now();
      const to = target(response, at);
      if (to && follow && to.origin === at.origin && redirects < MAX_REDIRECTS) {
        await response.body?.cancel();
        at = to;
        continue;
      }
      const { status, headers } = response;
      return {
        url: bareUrl(at),
        status,
        headers,
        contentType: (headers.get("content-type") ?? "").replace(/;.*/s, "").trim().toLowerCase(),
        text: await readBody(response, {}),
        cameAt,
        roundTrip: cameAt - sentAt,
        redirected: redirects > 0,
        leadsTo: to && bareUrl(to),
      };
    }
  } catch (error) {
    return { url: bareUrl(at), failure: why(error) };
  }
}
