import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { decodeJwt } from "jose";
import { sign, until } from "../support/cube.js";

/** A page's report. */
export interface Report {
  type: "loaded" | "token" | "error" | "event";
  tab: string;
  at: number;
  path?: string;
  /** The page's user, the token's user, and its session. */
  label?: string;
  sub?: string;
  sid?: number;
  code?: string;
}

type Gate = "token" | "sign-out";

/**
 * An application with sessions in a cookie: a token endpoint for the signed-in user, a sign-in that ends the previous
 * session, a sign-out, and rows with the token's user.
 */
export interface SessionsSite {
  port: number;
  /** Whether the sign-out endpoint is down. */
  fails: boolean;
  reports: Report[];
  /** When each session was signed out, or replaced by another user's. */
  readonly over: Map<number, number>;
  /** The token of each query. */
  queries: { sub: string; sid: number; at: number }[];
  /** Decides later requests at once, but answers them only after `release()`. */
  hold(gate: Gate): void;
  release(gate: Gate): void;
  /** The number of held requests. */
  held(gate: Gate): number;
  /** Runs this in that tab's page once it listens: a driver's command would end with the page. */
  act(tab: string, what: string): Promise<void>;
  /** Ends every session without a sign-out. */
  expire(): void;
  reset(): void;
  stop(): void;
}

const folder = resolve(import.meta.dirname);
const src = resolve(folder, "../../src");
const witness = `${folder}/pages/session-witness.ts`;

/** The recipes, unchanged, with an observed manager and a local Cube. */
const recipes: Plugin = {
  name: "recipes",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^cube-token-manager$/ }, () => ({ path: witness }));
    onResolve({ filter: /^cube-token-manager\/(cube|react)$/ }, ({ path }) => ({
      path: `${src}/${path.split("/")[1]}/index.ts`,
    }));
    onResolve({ filter: /^\.\.\/manager\.js$/ }, ({ importer }) =>
      importer.endsWith("use-manager.ts") ? { path: witness } : undefined,
    );
    onLoad({ filter: /recipes\/\w+\.tsx?$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return {
        contents: text.replace("https://cube.example.com", ""),
        loader: path.endsWith("x") ? "tsx" : "ts",
      };
    });
  },
};

async function bundle(): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    entryPoints: ["session-plain.ts", "session-react.tsx", "session-witness.ts"].map(
      (name) => `${folder}/pages/${name}`,
    ),
    outdir: "/",
    bundle: true,
    write: false,
    format: "iife",
    jsx: "automatic",
    // StrictMode runs everything twice in development only.
    define: { "process.env.NODE_ENV": '"development"' },
    plugins: [recipes],
    logLevel: "silent",
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path.split("/").at(-1)!, text]));
}

let scripts: Promise<Record<string, string>> | undefined;

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
};

export async function startSessionsSite(): Promise<SessionsSite> {
  scripts ??= bundle();
  const files = await scripts;
  const sessions = new Map<number, string>();
  const gates = new Map<Gate, (() => void)[]>();
  const listening = new Map<string, ServerResponse>();
  let serial = 0;

  const pass = (gate: Gate) => new Promise<void>((go) => (gates.get(gate)?.push(go) ?? 0) || go());
  const end = (sid: number) => {
    if (sessions.delete(sid)) site.over.set(sid, Date.now());
  };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://site");
    const sid = Number(new RegExp(`${cookie}=(\\d+)`).exec(request.headers.cookie ?? "")?.[1] ?? 0);
    const user = sessions.get(sid);
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const page = (script: string) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(
        `<!doctype html><meta charset="utf-8"><title>page</title><body><script src="/${script}"></script>`,
      );
    };
    response.setHeader("cache-control", "no-store");
    const script = files[pathname.slice(1)];
    if (script) {
      response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(script);
    } else if (pathname === "/auth/me") json(200, { user });
    else if (pathname === "/auth/sign-in") {
      end(sid);
      sessions.set(++serial, searchParams.get("user")!);
      response.writeHead(204, { "set-cookie": `${cookie}=${serial}; Path=/; HttpOnly; SameSite=Lax` }).end();
    } else if (pathname === "/auth/sign-out") {
      if (site.fails) return void response.writeHead(503).end();
      end(sid);
      await pass("sign-out");
      if (site.over.has(sid)) site.over.set(sid, Date.now());
      response.writeHead(user ? 204 : 401).end();
    } else if (pathname === "/auth/cubejs-token") {
      const token = user && (await sign({ sub: user, sid, n: Math.random() }, { ttl: 300 }));
      await pass("token");
      if (token) json(200, { token });
      else response.writeHead(401).end();
    } else if (pathname === "/cubejs-api/v1/load") {
      const { sub = "", sid } = decodeJwt<{ sid: number }>(request.headers.authorization ?? "");
      site.queries.push({ sub, sid, at: Date.now() });
      const query = { measures: ["Orders.count"] };
      const annotation = { measures: {}, dimensions: {}, segments: {}, timeDimensions: {} };
      const results = [{ query, data: [{ "Orders.count": sub }], annotation }];
      json(200, { queryType: "regularQuery", results, pivotQuery: { ...query, dimensions: [] } });
    } else if (pathname === "/acts") {
      const tab = searchParams.get("tab")!;
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": here\n\n");
      listening.set(tab, response);
      response.on("close", () => listening.get(tab) === response && listening.delete(tab));
    } else if (pathname === "/report") {
      site.reports.push(JSON.parse(await bodyOf(request)));
      response.end();
    } else if (pathname === "/plain" || pathname === "/react") {
      if (user) page(`session-${pathname.slice(1)}.js`);
      else response.writeHead(302, { location: "/sign-in" }).end();
    } else page("session-witness.js");
  }).listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // All ports of a host share its cookies.
  const cookie = `sid${port}`;

  const site: SessionsSite = {
    port,
    fails: false,
    reports: [],
    over: new Map(),
    queries: [],
    hold: (gate) => void gates.set(gate, []),
    release(gate) {
      for (const go of gates.get(gate) ?? []) go();
      gates.delete(gate);
    },
    held: (gate) => gates.get(gate)?.length ?? 0,
    async act(tab, what) {
      await until(() => listening.has(tab));
      listening.get(tab)!.write(`data: ${what}\n\n`);
    },
    expire: () => sessions.clear(),
    reset() {
      for (const gate of gates.keys()) site.release(gate);
      sessions.clear();
      site.over.clear();
      Object.assign(site, { fails: false, reports: [], queries: [] });
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return site;
}
