import type { Given } from "./answer.js";
import { type Finding, note, right, wrong } from "./finding.js";

const NO_STORE = "Send Cache-Control: no-store";

/** What lets a cache keep the answer (RFC 9111), or says that one did. */
function trace(headers: Headers): string | undefined {
  const control = headers.get("cache-control") ?? "";
  const age = headers.get("age") ?? "";
  // As the manager reads it.
  if (/^\d+$/.test(age) && Number(age) > 0) return `it is ${Number(age)} s old (Age)`;
  for (const name of ["x-cache", "cf-cache-status"]) {
    if (/\bhit\b/i.test(headers.get(name) ?? "")) return `a cache had it (${name})`;
  }
  if (/\bno-store\b/i.test(control)) return undefined;
  const allowed = /\b(public|immutable|(s-maxage|max-age)\s*=\s*"?0*[1-9]\d*)/i.exec(control)?.[1];
  if (allowed) return `its Cache-Control allows it (${allowed})`;
  const until = Date.parse(headers.get("expires") ?? "");
  const isKept = !control && until > (Date.parse(headers.get("date") ?? "") || Date.now());
  return isKept ? "its Expires allows it" : undefined;
}

/** @param again the second answer: more than a second later, so that what is signed anew differs. */
export function checkCaching(first: Given, again: Given | undefined): Finding[] {
  const { headers } = first.seen;
  const found = trace(headers) ?? (again && trace(again.seen.headers));
  const findings: Finding[] = [];
  if (found) {
    findings.push(
      wrong(
        `The endpoint's answer is cached: ${found}. ${NO_STORE}, and make sure that proxies and CDNs respect it.`,
      ),
    );
  }
  // One that is no JWT may be a session's for as long as that lives.
  if (again && first.token.claims && first.token.value === again.token.value) {
    findings.push(
      wrong(
        `Two requests got the same token: a cache, or the server, keeps it. Sign a new one at each request. ${NO_STORE}.`,
      ),
    );
  }
  if (findings.length > 0) return findings;
  return /\bno-store\b/i.test(headers.get("cache-control") ?? "")
    ? [right("The endpoint's answer is not cached.")]
    : [note(`The endpoint's answer does not forbid caching. ${NO_STORE}.`)];
}
