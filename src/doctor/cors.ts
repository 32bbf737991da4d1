import type { Seen, Unseen } from "./ask.js";
import { type Finding, note, right, wrong } from "./finding.js";

const list = (headers: Headers, name: string) =>
  (headers.get(name) ?? "")
    .toLowerCase()
    .split(/\s*,\s*/)
    .filter(Boolean);

/** Whether a page of this origin may read the answer (Fetch standard, CORS check). */
function allows(headers: Headers, origin: string, credentials: boolean): boolean {
  const allowed = headers.get("access-control-allow-origin");
  if (!credentials) return allowed === "*" || allowed === origin;
  return allowed === origin && headers.get("access-control-allow-credentials") === "true";
}

const exposesDate = (headers: Headers, credentials: boolean): boolean => {
  const exposed = list(headers, "access-control-expose-headers");
  return exposed.includes("date") || (!credentials && exposed.includes("*"));
};

const EXPOSE = "Send Access-Control-Expose-Headers: Date.";

/** Returns the names that the preflight does not allow. The wildcard never covers `Authorization`. */
function missingHeaders(preflight: Seen | Unseen, names: string[], credentials: boolean): string[] {
  if ("failure" in preflight) return names;
  const allowed = list(preflight.headers, "access-control-allow-headers");
  const isAny = allowed.includes("*") && !credentials;
  return names.filter((name) => !allowed.includes(name) && !(isAny && name !== "authorization"));
}

/** Checks whether a page on another origin can use the endpoint. */
export function checkEndpointCors(
  { headers }: Seen,
  origin: string,
  credentials: boolean,
  preflight: { answer: Seen | Unseen; names: string[] } | undefined,
): Finding[] {
  if (!allows(headers, origin, credentials)) {
    const also = credentials ? " and Access-Control-Allow-Credentials: true" : "";
    return [
      wrong(
        `CORS is missing: a page on ${origin} cannot read the endpoint's answer. Send Access-Control-Allow-Origin: ${origin}${also}.`,
      ),
    ];
  }
  const missing = preflight ? missingHeaders(preflight.answer, preflight.names, credentials) : [];
  if (missing.length > 0) {
    const names = missing.join(", ");
    return [
      wrong(
        `CORS: the preflight does not allow ${names}. Answer OPTIONS with Access-Control-Allow-Headers: ${names}.`,
      ),
    ];
  }
  return exposesDate(headers, credentials)
    ? [right(`CORS: a page on ${origin} can read the endpoint's answer and its Date.`)]
    : [
        wrong(
          `The endpoint hides Date from a page on ${origin}, which cannot correct a wrong client clock without it. ${EXPOSE}`,
        ),
      ];
}

/** An origin that is on no allowlist (RFC 2606). */
export const STRANGER = "https://any-other-origin.example";

/** Without `--origin`: checks what the endpoint allows to unknown origins. */
export function checkOpenness(seen: Seen | Unseen): Finding[] {
  const headers = "failure" in seen ? new Headers() : seen.headers;
  if (!allows(headers, STRANGER, false)) {
    return [
      note(
        "CORS was not checked: the page is assumed to be on the endpoint's origin. If it is not, pass --origin URL.",
      ),
    ];
  }
  const findings: Finding[] = [];
  if (allows(headers, STRANGER, true)) {
    findings.push(
      note("Any site can read the signed-in user's token: allow only the origins of your pages."),
    );
  }
  findings.push(
    exposesDate(headers, false)
      ? right("CORS: pages on other origins can read the endpoint's answer and its Date.")
      : wrong(
          `The endpoint hides Date from other origins: pages there cannot correct a wrong client clock. ${EXPOSE}`,
        ),
  );
  return findings;
}

/** Checks whether a page on another origin can send Cube a token. */
export function checkCubeCors(preflight: Seen | Unseen, origin: string): Finding {
  if ("failure" in preflight || !allows(preflight.headers, origin, false)) {
    return wrong(
      `CORS is missing at Cube: a page on ${origin} cannot query it. Allow that origin (http.cors in cube.js, or the proxy), or pass the page's origin with --origin.`,
    );
  }
  if (preflight.status > 299) {
    return wrong(
      `Cube answers ${preflight.status} to the preflight (OPTIONS). Let the proxy forward OPTIONS.`,
    );
  }
  const missing = missingHeaders(preflight, ["authorization"], false);
  return missing.length > 0
    ? wrong("CORS: Cube does not allow the token's header. Send Access-Control-Allow-Headers: authorization.")
    : right(`CORS: a page on ${origin} can query Cube.`);
}
