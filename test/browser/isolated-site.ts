import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { type Cube, sign, startCube } from "../support/cube.js";

const root = `${import.meta.dirname}/../..`;

/** Bundles one of the two sides: this package as published, and Cube's own client. */
async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    conditions: ["import"],
    mainFields: ["module", "main"],
    alias: { "cube-token-manager/isolated": `${root}/dist/isolated.js` },
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}

const WORKER = `
  import { serveCube } from "cube-token-manager/isolated";
  serveCube({
    endpoint: "/token?from=worker",
    apiUrl: "/cubejs-api/v1",
    request: { headers: { "x-worker-secret": self.SECRET ?? "" } },
  });
`;

const PAGE = `
  import { createIsolatedCubeApi, isolatedTokens } from "cube-token-manager/isolated";
  window.isolated = { createIsolatedCubeApi, isolatedTokens };
`;

export interface IsolatedSite {
  url: string;
  /** The endpoint requires a secret that the server puts only into the worker's script. */
  guarded: boolean;
  /** Lifetime of the tokens, in seconds. */
  ttl: number;
  /** Every token that it has signed, with its requester. */
  tokens: { from: string; token: string }[];
  /** Every request except those for pages and scripts. */
  requests: { path: string; method: string; url: string; headers: Record<string, string>; body: string }[];
  /** `Sec-Fetch-Dest` and `Sec-Fetch-Mode` of the requests for the worker's script. */
  loads: string[];
  reset(): void;
  stop(): void;
}

const SECRET = "only-the-script-of-a-worker-has-this";

const read = async (request: IncomingMessage) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
};

/** An application: pages, a worker, a token endpoint that requires a cookie, and a real Cube server behind it. */
export async function startIsolatedSite(): Promise<IsolatedSite> {
  const [cube, worker, page]: [Cube, string, string] = await Promise.all([
    startCube(),
    bundle(WORKER),
    bundle(PAGE),
  ]);
  let serial = 0;

  const forward = (request: IncomingMessage, response: ServerResponse, body: string) => {
    const { "accept-encoding": _, ...headers } = request.headers;
    const out = send(
      { port: cube.port, host: "127.0.0.1", path: request.url, method: request.method, headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    out.on("error", () => response.destroy());
    out.end(body);
  };

  const script = (response: ServerResponse, text: string) =>
    response
      .writeHead(200, { "content-type": "text/javascript; charset=utf-8", "cache-control": "no-store" })
      .end(text);

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://site");
    const headers = request.headers as Record<string, string>;
    const dest = headers["sec-fetch-dest"];
    if (pathname === "/cube-worker.js") {
      site.loads.push(`${dest}, ${headers["sec-fetch-mode"]}`);
      // The script of a worker, not one that another script imports into its own worker.
      const isWorker = /^(shared)?worker$/.test(dest ?? "") && headers["sec-fetch-mode"] === "same-origin";
      return void script(response, (isWorker ? `self.SECRET = "${SECRET}";` : "") + worker);
    }
    if (pathname === "/page.js") return void script(response, page);
    if (pathname === "/chart.js" || pathname === "/attack.js") {
      return void script(response, readFileSync(`test/browser/pages${pathname}`, "utf8"));
    }
    if (/\/sw\.js$/.test(pathname)) {
      // A server's defense against a foreign service worker.
      if (site.guarded && headers["service-worker"] === "script") return void response.writeHead(403).end();
      return void script(response, readFileSync("test/browser/pages/hostile-sw.js", "utf8"));
    }
    const body = await read(request);
    if (pathname !== "/" && pathname !== "/attacked-first") {
      site.requests.push({ path: pathname, method: request.method!, url: request.url!, headers, body });
    }
    if (pathname.startsWith("/cubejs-api/")) return forward(request, response, body);
    if (pathname === "/token") {
      const isSignedIn = /session=ada/.test(headers.cookie ?? "");
      if (!isSignedIn) return void response.writeHead(401).end();
      if (site.guarded && headers["x-worker-secret"] !== SECRET) return void response.writeHead(403).end();
      const token = await sign(
        { sub: "ada", n: serial++, pad: Math.random().toString(36) },
        { ttl: site.ttl },
      );
      site.tokens.push({ from: headers["x-attack"] ?? searchParams.get("from") ?? "", token });
      response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
      return void response.end(JSON.stringify({ token }));
    }
    const first = pathname === "/attacked-first" ? ["/attack.js"] : [];
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "set-cookie": "session=ada; HttpOnly; SameSite=Strict; Path=/",
    });
    response.end(
      `<!doctype html><meta charset="utf-8"><title>isolated</title>${[...first, "/page.js", "/chart.js"]
        .map((src) => `<script src="${src}"></script>`)
        .join("")}`,
    );
  }).listen(0);
  await once(server, "listening");

  const fresh = () => ({ guarded: false, ttl: 300, tokens: [], requests: [], loads: [] });
  const site: IsolatedSite = {
    ...fresh(),
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    reset: () => void Object.assign(site, fresh()),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return site;
}
