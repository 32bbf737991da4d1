import { JUMP } from "../core/clock.js";
import { stopwatch } from "../core/stopwatch.js";
import { CubeTokenError, isCubeTokenError } from "../errors.js";
import { type About, invalidResponse, isPage, parseBody, readShape } from "./answer.js";
import { readBody } from "./body.js";
import { timedOut, toTokenError } from "./failure.js";
import { readDate, readRetryAfter } from "./headers.js";
import { createRedirects } from "./redirects.js";
import { createRequest } from "./request.js";
import type { Answer, Attempt, RequestOption, Source } from "./source.js";
import { bareUrl, originOf, resolveUrl } from "./url.js";

const HINTS: Record<number, string> = {
  401: ": sign in again.",
  403: ": not allowed, or blocked by a firewall.",
  404: ": is the path right?",
};

function checkStatus({ ok, status, headers }: Response, about: About): void {
  if (ok) return;
  throw new CubeTokenError(
    status === 401 ? "ERR_UNAUTHENTICATED" : status === 403 ? "ERR_FORBIDDEN" : "ERR_HTTP_STATUS",
    `${about.url} answered ${status}${HINTS[status] ?? ". See its log."}`,
    { ...about, status, retryAfter: readRetryAfter(headers) },
  );
}

/** A source that gets the token from an endpoint. `globalThis.fetch` is looked up for each request, never captured. */
export function endpointSource(
  endpoint: string | URL,
  request: RequestOption = {},
  ownFetch?: typeof globalThis.fetch,
): Source {
  const about = () => ({ url: bareUrl(resolveUrl(endpoint)) });
  const signedOut = (cause?: unknown) =>
    new CubeTokenError(
      "ERR_UNAUTHENTICATED",
      `${about().url} redirects, probably to a sign-in page: sign in again.`,
      cause ? { ...about(), cause } : about(),
    );
  const follow = createRedirects(signedOut);

  async function read(response: Response, origin: string | undefined): Promise<Answer> {
    const { headers, url, redirected } = response;
    const contentType = (headers.get("content-type") ?? "").replace(/;.*/s, "").trim().toLowerCase();
    const seen = { ...about(), contentType: contentType || undefined };
    checkStatus(response, seen);
    // React Native's fetch does not set `redirected`.
    const isMoved = redirected ?? (!!url && bareUrl(url) !== bareUrl(endpoint));
    let text = "";
    try {
      text = await readBody(response, seen);
      // An application's own fetch may use any URL.
      if (url && origin && (isMoved || !ownFetch) && originOf(url) !== origin) {
        throw invalidResponse("A redirect led to another origin. Use the final URL.", seen);
      }
      return readShape(parseBody(text, seen), seen);
    } catch (error) {
      throw isMoved && isCubeTokenError(error) && isPage(contentType, text) ? signedOut() : error;
    }
  }

  async function get({ context, onRequest, mayTakeTwo = true }: Attempt): Promise<Answer> {
    const own = typeof request === "function" ? await request(context) : request;
    const origin = originOf(resolveUrl(endpoint));
    const init = createRequest(origin, own ?? {}, context.signal);
    const send = async (redirect: RequestRedirect) => {
      const fetch = ownFetch ?? globalThis.fetch;
      if (!fetch) {
        throw new CubeTokenError(
          "ERR_NETWORK",
          "No fetch here: use Node 18 or newer, or pass the option fetch.",
        );
      }
      onRequest?.();
      const response = await fetch(endpoint, { ...init, redirect });
      if (response.status === 0 && response.type !== "opaqueredirect") {
        throw new TypeError("The answer cannot be read.");
      }
      return response;
    };
    const passed = stopwatch();
    const response = await follow(send, init.redirect, context.signal, mayTakeTwo);
    const roundTrip = passed().mono;
    try {
      const answer = await read(response, origin);
      return { ...answer, ...readDate(response.headers, roundTrip, passed().mono - roundTrip) };
    } catch (error) {
      // Frees the connection if the body was not read to its end.
      if (!response.bodyUsed) response.body?.cancel?.().catch(() => {});
      throw error;
    }
  }

  async function ask(attempt: Attempt): Promise<Answer> {
    const { context, timeout } = attempt;
    try {
      for (let isAgain = false; ; isAgain = true) {
        const passed = stopwatch();
        const answer = await get(attempt);
        const { wall, mono, longest } = passed();
        // It waited while the page was frozen or the machine slept: its Date is old, and its token may have expired.
        const isLate = wall - mono > JUMP || longest > timeout + JUMP;
        if (!isLate || context.signal.aborted) return answer;
        if (isAgain) throw timedOut(timeout, about());
      }
    } catch (error) {
      const reason = originOf(resolveUrl(endpoint))
        ? "offline, CORS, or see the cause"
        : "a server needs the whole URL of the endpoint";
      throw toTokenError(error, "ERR_NETWORK", `The request to ${about().url} failed: ${reason}.`, about());
    }
  }

  return { ask, about };
}
