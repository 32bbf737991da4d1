import { END_OF_TIME, readToken } from "../core/token.js";
import { CubeTokenError, type CubeTokenErrorOptions } from "../errors.js";
import type { Answer } from "./source.js";

/** Where the answer came from, for errors; empty for `fetchToken`. */
export type About = Pick<CubeTokenErrorOptions, "url" | "contentType">;

export const invalidResponse = (message: string, about: About = {}): CubeTokenError =>
  new CubeTokenError(
    "ERR_INVALID_RESPONSE",
    about.url ? `${message} Content type: ${about.contentType || "none"}. URL: ${about.url}` : message,
    about,
  );

/**
 * Reads every supported shape: a string, `{ token }`, `{ access_token, expires_in }`, `{ accessToken, expiresIn }`,
 * `{ cubeApiToken }`.
 */
export function readShape(body: unknown, about?: About): Answer {
  const { token, access_token, accessToken, cubeApiToken, expires_in, expiresIn } = (
    typeof body === "string" ? { token: body } : (body ?? {})
  ) as Record<string, unknown>;
  const found = token ?? access_token ?? accessToken ?? cubeApiToken;
  if (typeof found !== "string" || !found) {
    throw invalidResponse('No token in the answer. Send { "token": "…" }.', about);
  }
  // Checked here, so that the error names the endpoint.
  readToken(found, about);
  const seconds = expires_in ?? expiresIn;
  if (seconds == null) return { token: found };
  // Some servers send the number as a string.
  const lifetime = typeof seconds === "string" && seconds ? Number(seconds) : seconds;
  if (typeof lifetime !== "number" || Number.isNaN(lifetime)) {
    throw invalidResponse("expires_in must be a number of seconds (RFC 6749).", about);
  }
  // The expiry has to fit into a Date.
  return { token: found, expiresIn: Math.min(Math.max(0, lifetime * 1000), END_OF_TIME / 2) };
}

/** Whether the answer is an HTML page, as far as its text is known. */
export const isPage = (contentType: string, text = ""): boolean =>
  text[0] === "<" || (contentType.includes("html") && !/^["{[]/.test(text));

/**
 * Accepts JSON under any content type: PHP sends `text/html`, some frameworks `text/plain`. A bare token is accepted
 * only as `text/plain`, as a JWT type, or without a content type.
 */
export function parseBody(text: string, about: About): unknown {
  const { contentType: type = "" } = about;
  const isJson = /[/+]json$/.test(type);
  if (!text) throw invalidResponse("The answer is empty.", about);
  if (!isJson && !/^(["{[]|(null|undefined|true|false|NaN)$)/.test(text)) {
    if (/^$|^text\/plain$|[/+]jwt$/.test(type)) return text;
    throw invalidResponse("The answer is neither JSON nor a token as text/plain.", about);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the body, so it is not kept as the cause.
    throw invalidResponse("The answer is not valid JSON. Was it cut off?", about);
  }
}
