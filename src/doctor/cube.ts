import { jwtDecode } from "jwt-decode";
import type { Token } from "../core/token.js";
import { isPage } from "../source/answer.js";
import { bareUrl } from "../source/url.js";
import type { Seen, Unseen } from "./ask.js";
import { type Finding, note, quote, right, wrong } from "./finding.js";

function readHeader(token: string): Record<string, unknown> | undefined {
  try {
    return jwtDecode<Record<string, unknown> | null>(token, { header: true }) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Lists what Cube compares: its own error is only "Invalid token". */
function explainRefusal({ value, claims, exp, nbf }: Token, now: number): string {
  if (!claims) return "It is not a JWT: only your own checkAuth can accept it.";
  if (exp !== undefined && exp <= now) return "It has expired.";
  if (nbf !== undefined && nbf > now) return 'It is not valid yet ("nbf"): check the clocks.';
  const header = readHeader(value);
  if (!header) return "Its header cannot be decoded. Was it altered in transit?";
  const { alg, kid } = header;
  const key =
    typeof alg === "string" && /^HS/.test(alg)
      ? `sign it with Cube's secret (CUBEJS_API_SECRET; alg ${quote(alg)})`
      : `its key (kid ${quote(kid)}, alg ${quote(alg)}) must be at CUBEJS_JWK_URL, and alg in CUBEJS_JWT_ALGS`;
  return `Check in this order: ${key}; aud ${quote(claims.aud)} must be CUBEJS_JWT_AUDIENCE; iss ${quote(claims.iss)} must be CUBEJS_JWT_ISSUER.`;
}

const errorOf = (text: string): string | undefined => {
  try {
    return String(JSON.parse(text).error);
  } catch {
    return undefined;
  }
};

/** Explains an error of Cube's, over HTTP or a WebSocket. */
export function explainError(status: number, error: string, token: Token, now: number): string {
  const [, scope] = /^API scope is missing: (\w+)/.exec(error) ?? [];
  if (scope) {
    return `Cube accepts the token, but its API scope "${scope}" is missing (${status}). Add it in contextToApiScopes or CUBEJS_DEFAULT_API_SCOPES.`;
  }
  if (error.startsWith("Authorization header isn't set")) {
    return `Cube received no token (${status}). Let the proxy forward the Authorization header.`;
  }
  if (status === 401 || status === 403) {
    return `Cube rejects the token (${status}). ${explainRefusal(token, now)}`;
  }
  return `Cube answers ${status}. See its log. To reject a token, checkAuth must throw CubejsHandlerError with 401 or 403.`;
}

/** The usual URL of Cube's API on this server. */
function usual({ origin, pathname }: URL): string {
  return `${origin}${pathname.replace(/\/+(cubejs-api.*)?$/, "")}/cubejs-api/v1`;
}

/**
 * Checks whether Cube accepts the token. The query was empty: 400 means that Cube read it, so it accepted the token.
 *
 * @param now on this machine's clock, in ms.
 */
export function checkCube(seen: Seen | Unseen, cube: URL, token: Token, now: number): Finding {
  const url = bareUrl(cube);
  if ("failure" in seen) {
    return wrong(
      `The request to Cube at ${url} failed: ${seen.failure}. Check the URL, and that Cube is running.`,
    );
  }
  const { status, text, contentType, leadsTo } = seen;
  const error = errorOf(text);
  if (status === 404 || leadsTo !== undefined || error === undefined || isPage(contentType, text)) {
    if (status > 404) return wrong(`Cube at ${url} answers ${status}. See its log, or the proxy's.`);
    const isUsual = /\/cubejs-api\/v1\/*$/.test(cube.pathname);
    const mend = isUsual ? "Check the host and the path." : `It has no /cubejs-api/v1: try ${usual(cube)}.`;
    const what =
      leadsTo === undefined ? `answers ${status}, but not as Cube does` : `redirects to ${leadsTo}`;
    return wrong(`The Cube URL ${url} ${what}. ${mend}`);
  }
  return status < 300 || status === 400
    ? right(`Cube at ${url} accepts the token.`)
    : wrong(explainError(status, error, token, now));
}

/** Notes when Cube accepted even an invalid token. */
export const checkControl = (seen: Seen | Unseen): Finding[] =>
  "failure" in seen || (seen.status !== 400 && seen.status > 299)
    ? []
    : [
        note(
          "Cube accepts any token here (development mode): an invalid one is rejected only in production.",
        ),
      ];
