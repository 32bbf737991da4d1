/** Serves a project's build with a real Cube server, and opens it in a real browser. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { launchChromium } from "../support/chromium.mjs";
import { freePort } from "../support/free-port.mjs";

export const SECRET = "a-secret-of-more-than-thirty-two-characters";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
};

export const signToken = (lifetime = 600, claims = {}) =>
  new SignJWT({ sub: "ada", ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime)
    .sign(new TextEncoder().encode(SECRET));

let cube;
const closing = [];

/** The port of the one Cube server of this run. */
export function cubePort() {
  cube ??= (async () => {
    const child = fork(fileURLToPath(new URL("../support/cube-server.mjs", import.meta.url)), {
      env: { ...process.env, CUBEJS_API_SECRET: "" },
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    closing.push(() => child.kill());
    const port = await freePort();
    await new Promise((resolve, reject) => {
      child.on("message", ({ ready }) => ready && resolve());
      child.once("exit", (code) => reject(new Error(`Cube ended with code ${code}.`)));
      child.send({ port, config: { apiSecret: SECRET } });
    });
    return port;
  })();
  return cube;
}

let browser;
export const openBrowser = () => {
  browser ??= launchChromium();
  return browser;
};

/** Stops the server and the browser of this run. */
export async function closeAll() {
  for (const close of closing.splice(0)) await close();
  await (await browser)?.close();
  browser = undefined;
  cube = undefined;
}

const json = (response, status, body) =>
  response
    .writeHead(status, { "Cache-Control": "no-store", "Content-Type": "application/json" })
    .end(JSON.stringify(body));

/**
 * Serves a folder, `/token` and Cube's API from one origin.
 *
 * @param {string | number} source a folder, or the port of a server that renders pages.
 * @param {Record<string, (request: object, response: object) => unknown>} routes more paths: each returns a status, or a value that is sent as JSON.
 */
export async function serve(source, routes = {}) {
  const port = await cubePort();
  const requests = [];
  const all = { "/token": async () => ({ token: await signToken() }), ...routes };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://site");
    requests.push(pathname);
    if (all[pathname]) {
      const answer = await all[pathname](request, response);
      return typeof answer === "number" ? json(response, answer, {}) : json(response, 200, answer);
    }
    const behind = pathname.startsWith("/cubejs-api/")
      ? port
      : typeof source === "number"
        ? source
        : undefined;
    if (behind) {
      const { method, url: path, headers } = request;
      const forward = httpRequest({ host: "127.0.0.1", port: behind, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      forward.on("error", () => response.destroy());
      return request.pipe(forward);
    }
    let file = join(source, decodeURIComponent(pathname));
    if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!existsSync(file)) return response.writeHead(404).end();
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    response.end(readFileSync(file));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address();
  /** Refuses connections from now on. */
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  /** Accepts connections again. */
  const open = () => once(server.listen(own, "127.0.0.1"), "listening");
  closing.push(close);
  return { url: `http://127.0.0.1:${own}`, requests, close, open };
}

/** Opens a page in Chromium until it shows Cube's rows; fails for any error on it. */
export async function look(source, path = "/", awaited = /count: \d/) {
  const { url, requests } = await serve(source);
  const context = await (await openBrowser()).newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !/favicon/.test(message.location().url))
      problems.push(message.text());
  });
  try {
    await page.goto(url + path);
    const isThere = `new RegExp(${JSON.stringify(awaited.source)}).test(document.body.textContent)`;
    await page.waitForFunction(isThere, undefined, { timeout: 20_000 });
    const text = await page.textContent("body");
    if (!text.includes("count: 2")) problems.push(`The page shows ${JSON.stringify(text)}.`);
    if (problems.length) throw new Error(problems.join("\n"));
    return { text, requests, html: await (await fetch(url + path)).text() };
  } catch (error) {
    throw new Error([error.message, ...problems, await page.content()].join("\n").slice(0, 3000));
  } finally {
    await context.close();
  }
}
