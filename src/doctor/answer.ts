import { readToken, type Token } from "../core/token.js";
import type { CubeTokenError } from "../errors.js";
import { isPage, parseBody, readShape } from "../source/answer.js";
import type { Seen, Unseen } from "./ask.js";
import { type Finding, wrong } from "./finding.js";

/** A token that the endpoint answered with. */
export interface Given {
  readonly token: Token;
  /** From `expires_in`, in ms. */
  readonly expiresIn: number | undefined;
  readonly seen: Seen;
}

const ANSWER = 'Answer with { "token": "…" } as JSON';
const SIGNED_OUT = "answer 401 when no user is signed in";

const MENDS: Record<number, string> = {
  403: "The user may not get a token, or a firewall blocks the request.",
  404: "Check the path, and that it accepts GET.",
  405: "Allow GET.",
  429: "Requests are rate-limited: wait, then try again.",
};

function mend(status: number, hasHeaders: boolean): string {
  if (status !== 401) return MENDS[status] ?? "See its log.";
  return hasHeaders
    ? "The session in --header has expired, or the endpoint expects another header: sign in again and copy it."
    : "No session was sent: pass it with --header 'Cookie: …'.";
}

/**
 * Reads the endpoint's answer as the manager does.
 *
 * @param hasHeaders whether `--header` was given.
 * @returns the token, or a finding that says why there is none.
 */
export function readAnswer(seen: Seen | Unseen, hasHeaders: boolean): Given | Finding {
  if ("failure" in seen) {
    return wrong(
      `The request to the endpoint ${seen.url} failed: ${seen.failure}. Check the URL, and that the server is running.`,
    );
  }
  const { url, status, contentType, text, leadsTo, redirected } = seen;
  if (leadsTo !== undefined) {
    return wrong(
      `The endpoint redirects (${status}) to ${leadsTo}, probably a sign-in page. Instead, ${SIGNED_OUT}; if it has moved, use its new URL.`,
    );
  }
  if (status < 200 || status > 299) {
    return wrong(`The endpoint ${url} answers ${status}. ${mend(status, hasHeaders)}`);
  }
  if (isPage(contentType, text)) {
    return wrong(
      redirected
        ? `The endpoint redirects to an HTML page at ${url}, probably a sign-in page. Instead, ${SIGNED_OUT}.`
        : `The endpoint answers ${status} with an HTML page instead of a token. Check the path. ${ANSWER}, and ${SIGNED_OUT}.`,
    );
  }
  try {
    const { token, expiresIn } = readShape(parseBody(text, { contentType }));
    return { token: readToken(token!), expiresIn, seen };
  } catch (error) {
    const { code, message } = error as CubeTokenError;
    // Some messages already say what to send.
    const isSaid = code !== "ERR_INVALID_RESPONSE" || /"token"|expires_in/.test(message);
    return wrong(`The endpoint's answer is unusable. ${message}${isSaid ? "" : ` ${ANSWER}.`}`);
  }
}
