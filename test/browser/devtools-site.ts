import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import axe from "axe-core";
import { buildSync } from "esbuild";
import { sign } from "../support/cube.js";

export interface DevtoolsSite {
  url: string;
  /** The endpoint answers 503. */
  fails: boolean;
  tokens: string[];
  reset(): void;
  stop(): void;
}

/** The published file, as a script. */
const bundle = () =>
  buildSync({
    entryPoints: ["dist/devtools.js"],
    bundle: true,
    format: "iife",
    globalName: "devtools",
    write: false,
  }).outputFiles[0]!.text;

/** Inline styles and scripts are forbidden, and the page's own styles would spoil everything they reach. */
const POLICY = "default-src 'self'; style-src 'self'; script-src 'self' 'unsafe-eval'";
const STYLES = `
  * { color: rgb(255, 0, 0) !important; font-size: 40px; display: block; }
  div, section, ol { border: 9px solid red; background: red; }
`;

export async function startDevtoolsSite(): Promise<DevtoolsSite> {
  const scripts: Record<string, string> = {
    "/manager.js": readFileSync("dist/cube-token-manager.iife.js", "utf8"),
    "/devtools.js": bundle(),
    "/page.js": readFileSync("test/browser/pages/devtools.js", "utf8"),
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, "http://site");
    const answer = (status: number, type: string, body: string) =>
      response
        .writeHead(status, {
          "content-type": type,
          "content-security-policy": POLICY,
          "cache-control": "no-store",
        })
        .end(body);
    // The page itself loads it, for one test.
    if (pathname === "/axe.js") return answer(200, "text/javascript; charset=utf-8", axe.source);
    if (scripts[pathname]) return answer(200, "text/javascript; charset=utf-8", scripts[pathname]);
    if (pathname === "/hostile.css") return answer(200, "text/css", STYLES);
    if (pathname === "/token") {
      if (site.fails) return answer(503, "application/json", "{}");
      const token = await sign({ sub: "ada", evil: "<img src=/evil>", roles: ["a", "b"] }, { ttl: 300 });
      site.tokens.push(token);
      return answer(200, "application/json", JSON.stringify({ token }));
    }
    const styles = pathname === "/hostile" ? '<link rel="stylesheet" href="/hostile.css">' : "";
    answer(
      200,
      "text/html; charset=utf-8",
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>page</title>
      <meta name="viewport" content="width=device-width, initial-scale=1">${styles}
      <body>${Object.keys(scripts)
        .map((src) => `<script src="${src}"></script>`)
        .join("")}</body></html>`,
    );
  }).listen(0);
  await once(server, "listening");
  const site: DevtoolsSite = {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    fails: false,
    tokens: [],
    reset() {
      site.fails = false;
      site.tokens = [];
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return site;
}
