import type { Given } from "./answer.js";
import { type Finding, note, right, wrong } from "./finding.js";

const NO_STORE = "Send Cache-Control: no-store";

/** Returns what allows a cache to store the answer (RFC 9111), or shows that one did. */
function trace(headers: Headers): string | undefined {
  const control = headers.get("cache-control") ?? "";
  const age = headers.get("age") ?? "";
  // The manager reads Age the same way.
  if (/^\d+$/.test(age) && Number(age) > 0) return `is cached: it is ${Number(age)} s old (Age)`;
  for (const name of ["x-cache", "cf-cache-status"]) {
    if (/\bhit\b/i.test(headers.get(name) ?? "")) return `is cached: it came from a cache (${name})`;
  }
  if (/\bno-store\b/i.test(control)) return undefined;
  const allowed = /\b(public|immutable|(s-maxage|max-age)\s*=\s*"?0*[1-9]\d*)/i.exec(control)?.[1];
  if (allowed) return `can be cached: its Cache-Control allows it (${allowed})`;
  const until = Date.parse(headers.get("expires") ?? "");
  const isKept = !control && until > (Date.parse(headers.get("date") ?? "") || Date.now());
  return isKept ? "can be cached: its Expires allows it" : undefined;
}

/** @param again the second answer, more than a second later, so that a newly signed token differs. */
export function checkCaching(first: Given, again: Given | undefined): Finding[] {
  const { headers } = first.seen;
  const found = trace(headers) ?? (again && trace(again.seen.headers));
  const findings: Finding[] = [];
  if (found) {
    findings.push(
      wrong(`The endpoint's answer ${found}. ${NO_STORE}, and make sure that proxies and CDNs respect it.`),
    );
  }
  // An opaque token may be the same for the whole session.
  if (again && first.token.claims && first.token.value === again.token.value) {
    findings.push(
      wrong(
        `Two requests got the same token: a cache or the server reuses it. Sign a new one for each request. ${NO_STORE}.`,
      ),
    );
  }
  if (findings.length > 0) return findings;
  return /\bno-store\b/i.test(headers.get("cache-control") ?? "")
    ? [right("The endpoint's answer is not cached.")]
    : [note(`The endpoint's answer does not forbid caching. ${NO_STORE}.`)];
}
