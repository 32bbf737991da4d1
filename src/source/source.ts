import { abort, abortable, onAbort, reasonOf } from "../core/abort.js";
import { JUMP } from "../core/clock.js";
import { MAX_TIMEOUT } from "../core/schedule.js";
import { CubeTokenError, type CubeTokenErrorOptions, isCubeTokenError } from "../errors.js";

/** A body longer than this (1 MiB) is no token; reading stops there. */
const MAX_BODY = 1_048_576;

export interface SourceContext {
  /** Aborted after `requestTimeout`, and by `clear()` and `dispose()`. */
  signal: AbortSignal;
  /** The token that Cube refused, where that is why a new one is wanted: a cache in between must not serve it again. */
  rejectedToken?: string;
}

/** What `fetchToken` may answer: a token, a token with its lifetime in **seconds** (RFC 6749 §5.1), or `null` for "none needed". */
export type FetchTokenResult = string | { token: string; expires_in?: number } | null;

export interface Answer {
  /** `null`: no token is needed here (Cube's development mode). */
  token: string | null;
  /** Lifetime in milliseconds, where the answer told it. */
  expiresIn?: number;
  /** The server's time lies between these two instants as the answer is handed over. */
  date?: readonly [earliest: number, latest: number];
}

export type Source = (context: SourceContext) => Promise<Answer>;

const fail = (message: string, options?: CubeTokenErrorOptions) =>
  new CubeTokenError("ERR_INVALID_RESPONSE", message, options);

/** Reads every understood shape: a string, `{ token }`, `{ access_token, expires_in }`, `{ accessToken, expiresIn }`. */
function readShape(body: unknown): Answer {
  const { token, access_token, accessToken, expires_in, expiresIn } = (
    typeof body === "string" ? { token: body } : (body ?? {})
  ) as Record<string, unknown>;
  const found = token ?? access_token ?? accessToken;
  if (typeof found !== "string" || !found) {
    throw fail(
      'No token in the answer. Send { "token": "…" } or { "access_token": "…", "expires_in": 300 }.',
    );
  }
  const seconds = expires_in ?? expiresIn;
  if (seconds == null) return { token: found };
  // Some servers send the number as a string.
  const lifetime = typeof seconds === "string" && seconds ? Number(seconds) : seconds;
  if (typeof lifetime !== "number" || Number.isNaN(lifetime)) {
    throw fail("expires_in is no number. Send the lifetime in seconds (RFC 6749 §5.1).");
  }
  return { token: found, expiresIn: lifetime * 1000 };
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date on the server's own clock. */
function readRetryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (!value) return undefined;
  const delay = /^\s*\d+\s*$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - (Date.parse(headers.get("date") ?? "") || Date.now());
  return Number.isNaN(delay) ? undefined : Math.max(0, delay);
}

/** The `Date` header with what a cache added to it, in the middle of whose second and round trip the truth lies. */
function readDate(headers: Headers, roundTrip: number, since: number): Answer["date"] {
  const date = Date.parse(headers.get("date") ?? "") + (Number(headers.get("age")) || 0) * 1000 + since;
  return Number.isNaN(date) ? undefined : [date, date + 1000 + roundTrip];
}

async function readBody(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  // React Native has no streams.
  if (!reader) return response.text();
  const decoder = new TextDecoder();
  let text = "";
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.byteLength;
    if (size > MAX_BODY) {
      reader.cancel().catch(() => {});
      throw fail("The answer is longer than 1 MiB. Does the endpoint point at a file or a page?");
    }
    text += decoder.decode(value, { stream: true });
  }
}

function checkStatus({ ok, status, headers }: Response): void {
  if (ok) return;
  if (status === 401 || status === 403) {
    throw new CubeTokenError("ERR_UNAUTHENTICATED", `The endpoint answered ${status}: sign in again.`, {
      status,
    });
  }
  const retryAfter = readRetryAfter(headers);
  throw new CubeTokenError("ERR_HTTP_STATUS", `The token endpoint answered ${status}. See its log.`, {
    status,
    retryAfter,
  });
}

function parseBody(text: string, contentType: string, redirected: boolean): unknown {
  const type = contentType.replace(/;.*/s, "").trim().toLowerCase();
  const isJson = /[/+]json$/.test(type);
  const trimmed = text.trim();
  const hint = redirected ? " It was redirected: to a sign-in page? Answer 401 instead." : "";
  if (!isJson && type && type !== "text/plain") {
    throw fail(`The endpoint answered with neither JSON nor text/plain.${hint}`);
  }
  if (!trimmed) throw fail(`The endpoint's answer is empty.${hint}`);
  // A framework that was told no content type sends JSON as text/plain.
  if (!isJson && !/^(["{[]|(null|undefined)$)/.test(trimmed)) return trimmed;
  try {
    return JSON.parse(trimmed);
  } catch {
    // The parser's message quotes the body, so it is not kept as the cause.
    throw fail(`The endpoint's answer is no valid JSON. Was it cut off?${hint}`);
  }
}

/** Sets method, headers, credentials and body of the request for a token. */
export type RequestOption = RequestInit | ((context: SourceContext) => RequestInit | Promise<RequestInit>);

/** A source that GETs the token from an endpoint. `globalThis.fetch` is looked up at each request, never captured. */
export const endpointSource =
  (endpoint: string | URL, request: RequestOption = {}, ownFetch?: typeof globalThis.fetch): Source =>
  async (context) => {
    const init = typeof request === "function" ? await request(context) : request;
    const headers = new Headers(init.headers);
    if (!headers.has("accept")) headers.set("accept", "application/json");
    const fetch = ownFetch ?? globalThis.fetch;
    const sentAt = performance.now();
    const response = await fetch(endpoint, {
      credentials: "same-origin",
      cache: "no-store",
      ...init,
      headers,
      signal: context.signal,
    });
    const answeredAt = performance.now();
    try {
      checkStatus(response);
      const answer = readShape(
        parseBody(await readBody(response), response.headers.get("content-type") ?? "", response.redirected),
      );
      const date = readDate(response.headers, answeredAt - sentAt, performance.now() - answeredAt);
      return date ? { ...answer, date } : answer;
    } catch (error) {
      // Frees the connection of an answer that nobody reads to its end.
      if (!response.bodyUsed) response.body?.cancel().catch(() => {});
      throw error;
    }
  };

/** A source of the application's own. */
export const functionSource =
  (fetchToken: (context: SourceContext) => Promise<FetchTokenResult>): Source =>
  async (context) => {
    const result = await fetchToken(context);
    return result === null ? { token: null } : readShape(result);
  };

/**
 * Asks a source once, for at most `timeout` milliseconds, whether or not it heeds its signal.
 *
 * @throws {CubeTokenError} whatever happens; the reason of `signal` when that is aborted.
 */
export function ask(
  source: Source,
  timeout: number,
  signal: AbortSignal,
  rejectedToken?: string,
): Promise<Answer> {
  const controller = new AbortController();
  const stop = (reason: unknown) => abort(controller, reason);
  const timer = setTimeout(
    () =>
      stop(new CubeTokenError("ERR_TIMEOUT", `No complete answer within ${timeout} ms. See requestTimeout.`)),
    Math.min(timeout, MAX_TIMEOUT),
  );
  const unlink = onAbort(signal, () => stop(reasonOf(signal)));
  const attempt = async (): Promise<Answer> => {
    const wall = Date.now();
    const mono = performance.now();
    const answer = await source({
      signal: controller.signal,
      ...(rejectedToken !== undefined && { rejectedToken }),
    });
    const byWall = Date.now() - wall;
    const byMono = performance.now() - mono;
    // It lay there while the page was frozen or the machine slept: its Date is not now, and its token may be dead.
    const late = byWall - byMono > JUMP || Math.max(byWall, byMono) > timeout + JUMP;
    return late ? attempt() : answer;
  };
  const answer = attempt().catch((error) => {
    if (isCubeTokenError(error)) throw error;
    throw new CubeTokenError("ERR_NETWORK", "The token request failed: offline, CORS, or see the cause.", {
      cause: error,
    });
  });
  // Not every source heeds its signal.
  return abortable(answer, controller.signal).finally(() => {
    clearTimeout(timer);
    unlink();
  });
}
