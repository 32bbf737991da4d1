import { readToken, type Token } from "../core/token.js";
import type { CubeTokenError } from "../errors.js";
import { isPage, parseBody, readShape } from "../source/answer.js";
import type { Seen, Unseen } from "./ask.js";
import { type Finding, wrong } from "./finding.js";

/** A token as the endpoint answered with it. */
export interface Given {
  readonly token: Token;
  /** By `expires_in`, in ms. */
  readonly expiresIn: number | undefined;
  readonly seen: Seen;
}

const ANSWER = 'Answer { "token": "…" } as JSON';
const SIGNED_OUT = "answer 401 when nobody is signed in";

const MENDS: Record<number, string> = {
  403: "The user is not allowed to have a token, or a firewall blocks the request.",
  404: "Check the path, and that it answers GET.",
  405: "Let it answer GET.",
  429: "It limits the rate of requests: wait, then try again.",
};

function mend(status: number, hasHeaders: boolean): string {
  if (status !== 401) return MENDS[status] ?? "See its log.";
  return hasHeaders
    ? "The session in --header is over, or is not what the endpoint looks for: sign in again and copy it."
    : "Nobody is signed in: pass the session with --header 'Cookie: …'.";
}

/**
 * Reads the endpoint's answer as the manager does.
 *
 * @param hasHeaders whether `--header` was given.
 * @returns the token, or why there is none.
 */
export function readAnswer(seen: Seen | Unseen, hasHeaders: boolean): Given | Finding {
  if ("failure" in seen) {
    return wrong(
      `The endpoint ${seen.url} cannot be read: ${seen.failure}. Check its URL, and that it runs.`,
    );
  }
  const { url, status, contentType, text, leadsTo, redirected } = seen;
  if (leadsTo !== undefined) {
    return wrong(
      `The endpoint redirects (${status}) to ${leadsTo}, as to a sign-in page. Instead, ${SIGNED_OUT}; if it has moved, use its new URL.`,
    );
  }
  if (status < 200 || status > 299) {
    return wrong(`The endpoint ${url} answers ${status}. ${mend(status, hasHeaders)}`);
  }
  if (isPage(contentType, text)) {
    return wrong(
      redirected
        ? `The endpoint redirects to a page (HTML) at ${url}, as to a sign-in page. Instead, ${SIGNED_OUT}.`
        : `The endpoint answers ${status} with a page (HTML) instead of a token. Check the path. ${ANSWER}, and ${SIGNED_OUT}.`,
    );
  }
  try {
    const { token, expiresIn } = readShape(parseBody(text, { contentType }));
    return { token: readToken(token!), expiresIn, seen };
  } catch (error) {
    const { code, message } = error as CubeTokenError;
    // Some say already what to send.
    const isSaid = code !== "ERR_INVALID_RESPONSE" || /"token"|expires_in/.test(message);
    return wrong(`The endpoint's answer is not usable. ${message}${isSaid ? "" : ` ${ANSWER}.`}`);
  }
}
