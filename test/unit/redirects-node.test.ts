// @vitest-environment node
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CubeTokenError } from "../../src/index.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";

/** Two origins, with Node's own fetch. */
const servers: { close(): void }[] = [];
async function start(handler: RequestListener): Promise<string> {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Seen {
  method: string | undefined;
  headers: IncomingHttpHeaders;
}
const here: Seen[] = [];
const elsewhere: Seen[] = [];
let own = "";
let other = "";

beforeAll(async () => {
  const answer: RequestListener = ({ url = "" }, response) => {
    if (url.startsWith("/to/"))
      return response.writeHead(302, { location: decodeURIComponent(url.slice(4)) }).end();
    if (url === "/login") {
      return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><form></form>");
    }
    const exp = Math.floor(Date.now() / 1000) + 300;
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ token: jwt({ exp }) }));
  };
  const keep =
    (seen: Seen[]): RequestListener =>
    (request, response) => {
      seen.push({ method: request.method, headers: request.headers });
      answer(request, response);
    };
  own = await start(keep(here));
  other = await start(keep(elsewhere));
});

afterAll(() => {
  for (const server of servers) server.close();
});

beforeEach(() => {
  here.length = elsewhere.length = 0;
});

const ask = (to: string, options: object = {}) =>
  create({ endpoint: `${own}/to/${encodeURIComponent(to)}`, retries: 1, ...options })
    .getToken()
    .then(
      () => "token",
      (error: CubeTokenError) => error.code,
    );

describe("an endpoint that redirects", () => {
  it("on its own origin is followed, to a token or to a sign-in page", async () => {
    expect(await ask("/token/")).toBe("token");
    expect(await ask("/login")).toBe("ERR_UNAUTHENTICATED");
    expect(await ask("/login", { request: { redirect: "manual" } })).toBe("ERR_UNAUTHENTICATED");
  });

  it("to another origin returns no token, and a sign-in page there is a sign-out", async () => {
    expect(await ask(`${other}/token`)).toBe("ERR_INVALID_RESPONSE");
    expect(await ask(`${other}/login`)).toBe("ERR_UNAUTHENTICATED");
  });

  it.each([
    ["headers", { headers: { "X-CSRF-Token": "secret" } }],
    ["a body", { method: "POST", body: "secret" }],
  ])("forwards no %s of the application", async (_, request) => {
    for (const path of ["/token", "/login"]) {
      const code = await ask(`${other}${path}`, { request });
      expect(["ERR_UNAUTHENTICATED", "ERR_NETWORK"]).toContain(code);
    }
    expect(here.length).toBeGreaterThan(0);
    expect(elsewhere).toEqual([]);
  });

  it("forwards them if the application says so, and returns no token from there either", async () => {
    const request = { headers: { "X-CSRF-Token": "public" }, redirect: "follow" } as const;
    expect(await ask(`${other}/token`, { request })).toBe("ERR_INVALID_RESPONSE");
    expect(elsewhere.map(({ headers }) => headers["x-csrf-token"])).toEqual(["public"]);
  });
});

it("a relative endpoint: the message says that a server needs the whole URL", async () => {
  const error = await create({ endpoint: "/token", retries: 0 })
    .getToken()
    .catch((error) => error);
  expect(error).toMatchObject({
    code: "ERR_NETWORK",
    message: "The request to /token failed: a server needs the whole URL of the endpoint.",
  });
});
