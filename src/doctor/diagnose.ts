import { type Given, readAnswer } from "./answer.js";
import type { Asked } from "./args.js";
import { request, type Seen, type Unseen } from "./ask.js";
import { checkCaching } from "./caching.js";
import { checkSocket, socketUrl } from "./check-socket.js";
import { checkClocks } from "./clocks.js";
import { checkCubeCors, checkEndpointCors, checkOpenness, STRANGER } from "./cors.js";
import { checkControl, checkCube } from "./cube.js";
import { type Finding, note, right } from "./finding.js";
import { checkLifetime } from "./lifetime.js";
import { askSocket } from "./websocket.js";

/** JWTs count seconds: a token signed after this pause differs from the first. In ms. */
const PAUSE = 1100;

interface Report {
  readonly findings: Finding[];
  /** Values that must not be printed. */
  readonly secrets: string[];
}

/** Sends the requests of a page to the endpoint and to Cube, and reports what is right and what is wrong. */
export async function diagnose(asked: Asked): Promise<Report> {
  const { endpoint, headers, cube, origin = endpoint.origin } = asked;
  const secrets = [...headers.values()];
  const hasHeaders = secrets.length > 0;
  const isElsewhere = origin !== endpoint.origin;
  const ask = () => request(endpoint, { headers: pageHeaders(asked, isElsewhere && origin) }, follows(asked));

  const first = readAnswer(await ask(), hasHeaders);
  if ("kind" in first) {
    return {
      secrets,
      findings: [first, ...(cube ? [note("Cube was not checked: there is no token.")] : [])],
    };
  }
  const findings = [right(`The endpoint ${first.seen.url} answers ${first.seen.status} with a token.`)];
  await new Promise((go) => setTimeout(go, PAUSE));
  const second = readAnswer(await ask(), hasHeaders);
  if ("kind" in second) findings.push({ ...second, text: `Second request: ${second.text}` });
  const again = "kind" in second ? undefined : second;
  const given = again ?? first;
  secrets.push(first.token.value, given.token.value);

  findings.push(checkLifetime(given), ...checkCaching(first, again), ...checkClocks(first, again));
  if (isElsewhere) {
    findings.push(
      ...checkEndpointCors(first.seen, origin, headers.has("cookie"), await preflight(asked, origin)),
    );
  } else if (!asked.origin) {
    // A server may reject unknown origins altogether.
    findings.push(...checkOpenness(await request(endpoint, { headers: pageHeaders(asked, STRANGER) })));
  }
  if (cube) findings.push(...(await examineCube(cube, origin, given)));
  return { secrets, findings };
}

const ownNames = ({ headers }: Asked): string[] => [...headers.keys()].filter((name) => name !== "cookie");

/** The manager follows no redirect if the application sets headers. Cookies do not count: the browser sets them. */
const follows = (asked: Asked): boolean => ownNames(asked).length === 0;

function pageHeaders({ headers }: Asked, origin: string | false): Headers {
  const all = new Headers(headers);
  if (!all.has("accept")) all.set("accept", "application/json");
  if (origin) all.set("origin", origin);
  else if (!all.has("x-requested-with")) all.set("x-requested-with", "XMLHttpRequest");
  return all;
}

const preflightHeaders = (origin: string, names: string) =>
  new Headers({
    origin,
    "access-control-request-method": "GET",
    "access-control-request-headers": names,
  });

/** Sends the preflight for the application's own headers. Like a browser's, it has no cookie. */
async function preflight(asked: Asked, origin: string) {
  const names = ownNames(asked).filter((name) => name !== "accept");
  if (names.length === 0) return undefined;
  const headers = preflightHeaders(origin, names.join(","));
  return { names, answer: await request(asked.endpoint, { method: "OPTIONS", headers }) };
}

async function examineCube(cube: URL, origin: string, { token }: Given): Promise<Finding[]> {
  const findings: Finding[] = [];
  const isSocket = /^wss?:$/.test(cube.protocol);
  if (!isSocket) {
    const url = new URL(cube);
    url.pathname = `${cube.pathname.replace(/\/+$/, "")}/load`;
    // An empty query: Cube checks the token first, then has nothing to compute.
    url.search = "?query=%7B%7D";
    const ask = (value: string): Promise<Seen | Unseen> =>
      request(url, { headers: new Headers({ authorization: value, accept: "application/json", origin }) });
    const found = checkCube(await ask(token.value), cube, token, Date.now());
    findings.push(found);
    if (found.kind === "right") findings.push(...checkControl(await ask("not.a.token")));
    if (cube.origin !== origin) {
      const headers = preflightHeaders(origin, "authorization");
      findings.push(checkCubeCors(await request(url, { method: "OPTIONS", headers }), origin));
    }
  }
  const socket = socketUrl(cube);
  const socketed = await askSocket(socket, origin, token.value);
  findings.push(checkSocket(socketed, socket, token, isSocket, Date.now()));
  return findings;
}
