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

/** What the preflight of a request with these headers answers; the wildcard never covers `Authorization`. */
function missingHeaders(preflight: Seen | Unseen, names: string[], credentials: boolean): string[] {
  if ("failure" in preflight) return names;
  const allowed = list(preflight.headers, "access-control-allow-headers");
  const isAny = allowed.includes("*") && !credentials;
  return names.filter((name) => !allowed.includes(name) && !(isAny && name !== "authorization"));
}

/** Whether a page elsewhere can use the endpoint. */
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
      wrong(`CORS: the preflight forbids headers. Send Access-Control-Allow-Headers: ${names} to OPTIONS.`),
    ];
  }
  return exposesDate(headers, credentials)
    ? [right(`CORS: a page on ${origin} can read the endpoint's answer, and its Date.`)]
    : [
        wrong(
          `The endpoint hides Date from a page on ${origin}, so that it cannot correct the user's clock. ${EXPOSE}`,
        ),
      ];
}

/** An origin that nobody has on a list (RFC 2606). */
export const STRANGER = "https://any-other-origin.example";

/** Where the page's origin is not said: what the endpoint tells a stranger. */
export function checkOpenness(seen: Seen | Unseen): Finding[] {
  const headers = "failure" in seen ? new Headers() : seen.headers;
  if (!allows(headers, STRANGER, false)) {
    return [
      note(
        "CORS was not checked: the page is taken to be on the endpoint's origin. If it is not, pass --origin URL.",
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
      ? right("CORS: pages of other origins can read the endpoint's answer, and its Date.")
      : wrong(
          `The endpoint hides Date across origins: pages elsewhere cannot correct the user's clock. ${EXPOSE}`,
        ),
  );
  return findings;
}

/** Whether a page elsewhere can send Cube a token. */
export function checkCubeCors(preflight: Seen | Unseen, origin: string): Finding {
  if ("failure" in preflight || !allows(preflight.headers, origin, false)) {
    return wrong(
      `CORS is missing at Cube: a page on ${origin} cannot query it. Allow that origin (http.cors in cube.js, or the proxy), or pass the page's origin with --origin.`,
    );
  }
  if (preflight.status > 299) {
    return wrong(`Cube answers ${preflight.status} to the preflight (OPTIONS). Let the proxy pass OPTIONS.`);
  }
  const missing = missingHeaders(preflight, ["authorization"], false);
  return missing.length > 0
    ? wrong("CORS at Cube forbids the token's header. Send Access-Control-Allow-Headers: authorization.")
    : right(`CORS: a page on ${origin} can query Cube.`);
}
