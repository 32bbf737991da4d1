import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tokenFromCookies } from "../../src/index.js";
import { sign } from "../support/cube.js";

/** The token endpoint: answers, fails with 503, never answers, cuts the connection, refuses with 401. */
export type Mode = "works" | "fails" | "hangs" | "cuts" | "refuses";

/**
 * The site under test: pages with the script-tag file, and a token endpoint that counts its requests, and can fail, hang
 * and change users.
 */
export interface Site {
  port: number;
  mode: Mode;
  /** The user of its tokens. */
  user: string;
  /** Lifetime of the tokens, in seconds. */
  ttl: number;
  /** Latency of its answers, in ms. */
  delay: number;
  /** The number of extra characters in the claims. */
  padding: number;
  /** The `from` parameter and time of each request. */
  requests: { from: string; at: number }[];
  /** The `from` parameters whose session has ended: their requests are refused. */
  over: Set<string>;
  /** Every token that it has signed, with its user. */
  tokens: Map<string, string>;
  /** Reports of the pages. */
  reports: string[];
  /** Resets to a working site without counts. */
  reset(): void;
  stop(): void;
}

const CSP = "default-src 'self'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

const html = (...scripts: string[]) =>
  `<!doctype html><meta charset="utf-8"><title>tab</title>${scripts.map((src) => `<script src="${src}"></script>`).join("")}`;

const scripts: Record<string, () => string> = {
  "/manager.js": () => readFileSync("dist/cube-token-manager.iife.js", "utf8"),
  "/full.js": () => readFileSync("dist/cube-token-manager.full.iife.js", "utf8"),
  "/tab.js": () => readFileSync("test/browser/pages/tab.js", "utf8"),
  "/worker.js": () => readFileSync("test/browser/pages/worker.js", "utf8"),
  "/strict.js": () => readFileSync("test/browser/pages/strict.js", "utf8"),
};

export async function startSite(): Promise<Site> {
  let serial = 0;
  const hanging = new Set<ServerResponse>();

  async function token(request: IncomingMessage, response: ServerResponse, from: string) {
    site.requests.push({ from, at: Date.now() });
    const { mode, user, ttl, padding } = site;
    if (mode === "hangs") return void hanging.add(response);
    if (mode === "cuts") return void request.socket.destroy();
    if (site.delay) await new Promise((go) => setTimeout(go, site.delay));
    if (mode === "fails") return void response.writeHead(503).end();
    if (mode === "refuses" || site.over.has(from)) return void response.writeHead(401).end();
    const value = await sign(
      { sub: user, n: serial++, ...(padding && { padding: "x".repeat(padding) }) },
      { ttl },
    );
    site.tokens.set(value, user);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ token: value }));
  }

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://site");
    const script = scripts[pathname];
    // A sandboxed frame has a unique origin.
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "*");
    if (script) {
      response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(script());
    } else if (pathname === "/token") {
      await token(request, response, searchParams.get("from") ?? "");
    } else if (pathname === "/sign-out") {
      site.over.add(searchParams.get("from") ?? "");
      response.end();
    } else if (pathname === "/cookie") {
      response.end(
        JSON.stringify({
          token: tokenFromCookies(request.headers.cookie, { storageKey: "cube.token" }),
          header: request.headers.cookie,
        }),
      );
    } else if (pathname === "/report") {
      site.reports.push(searchParams.get("text") ?? "");
      response.end();
    } else {
      response.setHeader("content-type", "text/html; charset=utf-8");
      if (pathname === "/strict" || pathname === "/strict-full") {
        response.setHeader("content-security-policy", CSP);
        response.end(html(pathname === "/strict" ? "/manager.js" : "/full.js", "/strict.js"));
      } else if (pathname === "/elsewhere") response.end(html());
      else if (pathname === "/sandbox") {
        response.end(`${html()}<iframe sandbox="allow-scripts" src="/blocked"></iframe>`);
      } else if (pathname === "/blocked") response.end(html("/manager.js", "/strict.js"));
      else response.end(html("/manager.js", "/tab.js"));
    }
  }).listen(0);
  await once(server, "listening");

  const fresh = () => ({
    mode: "works" as Mode,
    user: "ada",
    ttl: 300,
    delay: 0,
    padding: 0,
    requests: [],
    over: new Set<string>(),
    reports: [],
  });
  const site: Site = {
    ...fresh(),
    port: (server.address() as AddressInfo).port,
    tokens: new Map(),
    reset() {
      Object.assign(site, fresh());
      for (const response of hanging) response.destroy();
      hanging.clear();
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return site;
}
