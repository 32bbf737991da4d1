import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buildSync } from "esbuild";
import { jwtVerify } from "jose";
import { SECRET, sign } from "../support/cube.js";

/**
 * One server that is many sites: each of this machine's names is another origin, and another site. It has a page for hosts
 * and frames alike, a token endpoint, and rows for requests with a valid token.
 */
export interface FramesSite {
  port: number;
  /** Lifetime of the tokens, in seconds. */
  ttl: number;
  /** Latency of the token endpoint, in ms. */
  delay: number;
  /** The number of token requests. */
  requests: number;
  reset(): void;
  stop(): void;
}

/** The published file, as a script. */
const bundle = () =>
  buildSync({
    entryPoints: ["dist/frames.js"],
    bundle: true,
    format: "iife",
    globalName: "cubeFrames",
    write: false,
  }).outputFiles[0]!.text;

export async function startFramesSite(): Promise<FramesSite> {
  const scripts: Record<string, string> = {
    "/manager.js": readFileSync("dist/cube-token-manager.iife.js", "utf8"),
    "/frames.js": bundle(),
    "/frame.js": readFileSync("test/browser/pages/frame.js", "utf8"),
  };
  let serial = 0;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, "http://site");
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    response.setHeader("cache-control", "no-store");
    if (scripts[pathname]) {
      response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(scripts[pathname]);
    } else if (pathname === "/token") {
      site.requests++;
      if (site.delay) await new Promise((go) => setTimeout(go, site.delay));
      json(200, { token: await sign({ sub: "ada", n: serial++ }, { ttl: site.ttl }) });
    } else if (pathname === "/rows") {
      // As in Cube: no tolerance.
      const valid = await jwtVerify(
        request.headers.authorization ?? "",
        new TextEncoder().encode(SECRET),
      ).catch(() => undefined);
      if (valid) json(200, { rows: 1 });
      else json(403, { error: "Invalid token" });
    } else {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(
        `<!doctype html><meta charset="utf-8"><title>page</title>${Object.keys(scripts)
          .map((src) => `<script src="${src}"></script>`)
          .join("")}`,
      );
    }
  }).listen(0);
  await once(server, "listening");
  const fresh = () => ({ ttl: 300, delay: 0, requests: 0 });
  const site: FramesSite = {
    ...fresh(),
    port: (server.address() as AddressInfo).port,
    reset: () => void Object.assign(site, fresh()),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return site;
}
