import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { type Cube, sign, startCube } from "../../support/cube.js";
import { makeCertificate } from "./certificate.js";

const root = `${import.meta.dirname}/../../..`;
const pages = `${import.meta.dirname}/pages`;

/** A user's application, the page around it and an attacker's site: three sites of their own, which share no name. */
export interface World {
  /** Also in each of its tokens. */
  number: number;
  /** The application, such as "https://app7.localhost:4000". */
  app: string;
  /** The page around it, where it is embedded. */
  host: string;
  evil: string;
  /** A subdomain of the application's. */
  sub: string;
  /** The application's name, and another port. */
  port: string;
  /** Whether the user's session has not ended. */
  signedIn: boolean;
  /** The token endpoint requires a secret that only the application's own code has. */
  guarded: boolean;
  /** It lets every site read its answers, with a session cookie that all of them send. */
  open: boolean;
  /** A gateway in front of Cube forbids caching its answers. */
  noStore: boolean;
  /** Everything that has reached the attacker's server, or that the attacker can fetch. */
  loot: string[];
  /** The subjects of the tokens sent to Cube. */
  subjects: Set<string>;
  /** Resolves when the attacker's page has done what its URL says. */
  done(): Promise<void>;
}

export interface ThreatsSite {
  cube: Cube;
  certificate: string;
  /** @param secretIn whose code has the secret that a guarded endpoint requires. */
  makeWorld(secretIn?: "app" | "host" | "worker"): World;
  stop(): void;
}

/** Bundles this package as published. */
async function bundle(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${pages}/${file}`],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    platform: "browser",
    conditions: ["import"],
    mainFields: ["module", "main"],
    alias: {
      "cube-token-manager": `${root}/dist/index.js`,
      "cube-token-manager/cube": `${root}/dist/cube.js`,
      "cube-token-manager/frames": `${root}/dist/frames.js`,
      "cube-token-manager/isolated": `${root}/dist/isolated.js`,
    },
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}

const NAME = /^(x\.)?(app|host|evil)(\d+)\.localhost:/;
const SECRET = "only-the-code-of-the-application-has-this";

async function read(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}

/** A server that is all of these sites, by its host names, with a real Cube server behind it. */
export async function startThreatsSite(): Promise<ThreatsSite> {
  const [cube, app, worker] = await Promise.all([startCube(), bundle("app.js"), bundle("worker.js")]);
  const attacker = readFileSync(`${pages}/attacker.js`, "utf8");
  const planted = readFileSync(`${pages}/planted-sw.js`, "utf8");
  const worlds: (World & { secretIn: string; finish(): void })[] = [];
  let serial = 0;

  const forward = (request: IncomingMessage, response: ServerResponse, body: string, noStore: boolean) => {
    const { "accept-encoding": _, ...headers } = request.headers;
    const { url: path, method } = request;
    const out = send({ port: cube.port, host: "127.0.0.1", path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, {
        ...answer.headers,
        ...(noStore && { "cache-control": "no-store" }),
      });
      answer.pipe(response);
    });
    out.on("error", () => response.destroy());
    out.end(body);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const [, sub = "", role, number] = NAME.exec(request.headers.host ?? "") ?? [];
    const world = worlds[Number(number)];
    if (!world) return void response.writeHead(404).end();
    const { pathname, searchParams } = new URL(request.url!, world.app);
    const { cookie = "", origin, authorization } = request.headers;
    const script = (text: string) =>
      response
        .writeHead(200, { "content-type": "text/javascript; charset=utf-8", "cache-control": "no-store" })
        .end(text);
    const html = (text: string) =>
      response
        .writeHead(200, { "content-type": "text/html; charset=utf-8" })
        .end(`<!doctype html><meta charset="utf-8"><title>page</title><body>${text}`);
    const names = JSON.stringify({ app: world.app, host: world.host, evil: world.evil });
    const body = await read(request);

    if (role === "evil") {
      world.loot.push(JSON.stringify(request.headers), request.url!, body);
      response.setHeader("access-control-allow-origin", "*");
      if (pathname === "/done") world.finish();
      if (pathname === "/token")
        return void response.end(JSON.stringify({ token: await sign({ sub: "mallory" }) }));
    }
    if (pathname === "/attacker.js") return void script(`{ const NAMES = ${names};\n${attacker} }`);
    if (pathname === "/app.js") {
      const secret = world.secretIn === role && !sub ? SECRET : "";
      return void script(`(() => { const SECRET = "${secret}"; const NAMES = ${names};\n${app} })()`);
    }
    if (pathname === "/attacker" || role === "evil" || sub) {
      const lib = searchParams.get("do")?.startsWith("toss") ? `<script src="/app.js?lib"></script>` : "";
      return void html(`${lib}<script src="/attacker.js"></script>`);
    }
    if (pathname === "/blank") return void html("");
    if (pathname === "/cube-worker.js") {
      const { "sec-fetch-dest": dest, "sec-fetch-mode": mode } = request.headers;
      // The script of a worker, not one that another script fetches or imports into its own worker.
      const isWorker = world.secretIn === "worker" && dest === "worker" && mode === "same-origin";
      return void script(`(() => { const SECRET = "${isWorker ? SECRET : ""}";\n${worker} })()`);
    }
    if (/\/sw\.js$/.test(pathname)) return void script(`const NAMES = ${names};\n${planted}`);
    if (pathname.startsWith("/other-service/")) {
      world.loot.push(JSON.stringify(request.headers), request.url!);
      return void response.writeHead(204).end();
    }
    if (pathname === "/cookie") return void response.end(cookie);
    if (pathname.startsWith("/cubejs-api/")) {
      const [, claims = ""] = (authorization ?? "").split(".");
      if (claims) world.subjects.add(JSON.parse(Buffer.from(claims, "base64url").toString()).sub);
      return forward(request, response, body, world.noStore);
    }
    if (pathname === "/token") {
      if (world.open && origin) {
        response.setHeader("access-control-allow-origin", origin);
        response.setHeader("access-control-allow-credentials", "true");
      }
      // This request looks for a cached answer, so it gets none here.
      if (request.headers["x-cache-only"]) return void response.writeHead(418).end();
      const session = world.open ? /(session|embedded)=ada/ : /(session|partitioned)=ada/;
      if (!world.signedIn || !session.test(cookie)) return void response.writeHead(401).end();
      if (world.guarded && request.headers["x-app-secret"] !== SECRET) {
        return void response.writeHead(403).end();
      }
      const token = await sign({ sub: "ada", world: Number(number), n: serial++ }, { ttl: 1800 });
      // A server that forgot "no-store".
      response.writeHead(200, { "content-type": "application/json", "cache-control": "max-age=600" });
      return void response.end(JSON.stringify({ token }));
    }
    const cookies = [
      "session=ada; HttpOnly; Secure; SameSite=Strict; Path=/",
      "embedded=ada; HttpOnly; Secure; SameSite=None; Path=/",
      "partitioned=ada; HttpOnly; Secure; SameSite=None; Partitioned; Path=/",
    ];
    const way = searchParams.get("way") ?? "memory";
    if (searchParams.has("signin")) response.setHeader("set-cookie", cookies);
    if (searchParams.has("policy")) response.setHeader("content-security-policy", "worker-src 'self'");
    const first = searchParams.has("first") ? `<script src="/attacker.js" data-first></script>` : "";
    html(`${first}<script src="/app.js?way=${way}"></script>`);
  };

  const certificate = makeCertificate();
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let n = 0; n < 2; n++) {
    const server = createServer(certificate, (request, response) => {
      handle(request, response).catch(() => response.destroy());
    }).listen(0);
    await once(server, "listening");
    servers.push(server);
    ports.push((server.address() as AddressInfo).port);
  }

  return {
    cube,
    certificate: certificate.cert,
    makeWorld(secretIn = "app") {
      const number = worlds.length;
      const [port, other] = ports;
      let finish = () => {};
      const world = {
        number,
        secretIn,
        app: `https://app${number}.localhost:${port}`,
        host: `https://host${number}.localhost:${port}`,
        evil: `https://evil${number}.localhost:${port}`,
        sub: `https://x.app${number}.localhost:${port}`,
        port: `https://app${number}.localhost:${other}`,
        signedIn: true,
        guarded: false,
        open: false,
        noStore: false,
        loot: [],
        subjects: new Set<string>(),
        done: () =>
          new Promise<void>((resolve, reject) => {
            finish = resolve;
            setTimeout(reject, 15_000, new Error("The attacker's page did not finish")).unref();
          }),
        finish: () => finish(),
      };
      worlds.push(world);
      return world;
    },
    stop() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
