import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toLine } from "../../src/doctor/finding.js";
import { main } from "../../src/doctor/main.js";
import { type Cube, SECRET, sign, startCube, WRONG } from "../support/cube.js";

const servers: Server[] = [];
async function serve(
  handler: RequestListener,
  onUpgrade?: (request: IncomingMessage, socket: Duplex) => void,
): Promise<string> {
  const server = createServer(handler).listen(0, "127.0.0.1");
  if (onUpgrade) server.on("upgrade", onUpgrade);
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

interface Reply {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}
/** Every token that an endpoint has issued. */
const given = new Set<string>();
/** A correct endpoint, except for the planted fault. */
const endpoint = (plant: (request: IncomingMessage) => Reply | Promise<Reply> = () => ({})) =>
  serve(async (request, response) => {
    const { status = 200, headers, body } = await plant(request);
    const answer = body ?? { token: await sign() };
    for (const [word] of JSON.stringify(answer).matchAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g)) given.add(word);
    response
      .writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers })
      .end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });

const COOKIE = "session=a-secret-session";
/** Runs the doctor; checks that it prints no secret. */
async function doctor(url: string, ...args: string[]) {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const target = `${url}/api/cube-token?key=a-secret-key`;
  const all = ["doctor", "--endpoint", target, "--header", `Cookie: ${COOKIE}`, ...args];
  const code = await main(all, print, print);
  const text = lines.join("\n");
  for (const secret of [...given, COOKIE, "a-secret"]) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/eyJ|\?key/);
  const wrong = lines.filter((line) => line.startsWith("✗"));
  expect(code).toBe(wrong.length > 0 ? 1 : 0);
  return { code, lines, wrong, text };
}

/** Checks that exactly this fault is found. */
async function finds(pattern: RegExp, url: string, ...args: string[]) {
  const { wrong, text } = await doctor(url, ...args);
  expect(wrong, text).toHaveLength(1);
  expect(wrong[0]).toMatch(pattern);
}

const now = () => Math.floor(Date.now() / 1000);
const token = (claims: object) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part(claims)}.c2lnbmF0dXJl`;
};
let serial = 0;
const claims = (own: object) => ({ body: { token: token({ jti: serial++, ...own }) } });
const cors = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "Date",
};

describe("the endpoint", () => {
  it("is correct: no fault is reported", async () => {
    const { code, lines } = await doctor(await endpoint());
    expect(code).toBe(0);
    expect(lines.filter((line) => line.startsWith("✓"))).toHaveLength(4);
  });

  it.concurrent.for<[string, RegExp, Reply]>([
    ["answers 404", /answers 404\. Check the path/, { status: 404, body: "<h1>Not found</h1>" }],
    ["answers 401", /answers 401\. The session in --header has expired/, { status: 401 }],
    ["answers 403", /answers 403\. The user may not get a token/, { status: 403 }],
    ["answers 503", /answers 503\. See its log/, { status: 503 }],
    [
      "answers with a page",
      /answers 200 with an HTML page.*Check the path/,
      { headers: { "content-type": "text/html" }, body: "<!doctype html><form>" },
    ],
    ["answers with an empty body", /The answer is empty/, { body: " " }],
    ["answers without a token", /No token in the answer/, { body: { jwt: "x" } }],
    ["answers with Bearer", /begins with "Bearer"\. Return the bare token/, { body: { token: "Bearer x" } }],
    [
      "sends an invalid Age, which is ignored",
      /allows it \(max-age=9\)/,
      { headers: { age: "Infinity", "cache-control": "max-age=9" } },
    ],
    [
      "is answered by a cache, detected by Age",
      /cached: it is 42 s old.*no-store/,
      { headers: { age: "42" } },
    ],
    [
      "allows caching",
      /cached: its Cache-Control allows it \(max-age=300\).*no-store/,
      { headers: { "cache-control": "private, max-age=300" } },
    ],
    ["allows shared caching", /cached.*\(public\)/, { headers: { "cache-control": "public" } }],
    [
      "is a CDN's cache hit",
      /came from a cache \(x-cache\)/,
      { headers: { "x-cache": "Hit from cloudfront" } },
    ],
    [
      "hides Date across origins",
      /hides Date.*Expose-Headers: Date/,
      { headers: { ...cors, "access-control-expose-headers": "etag" } },
    ],
  ])("%s", async ([, pattern, reply]) => {
    await finds(pattern, await endpoint(() => reply));
  });

  it.concurrent.for<[string, RegExp, () => Reply]>([
    ["no exp", /no "exp".*5 to 15 minutes/, () => claims({ iat: now() })],
    [
      "exp in milliseconds",
      /"exp" is in milliseconds.*divide/,
      () => claims({ iat: now(), exp: Date.now() + 600_000 }),
    ],
    ["exp as a string", /"exp" must be a number/, () => claims({ exp: "tomorrow" })],
    ["exp under a minute", /valid for only \d\d s/, () => claims({ iat: now(), exp: now() + 45 })],
    [
      "expires_in under a minute",
      /valid for only 30 s/,
      () => ({ body: { access_token: `o${serial++}`, expires_in: 30 } }),
    ],
    ["exp in the past", /has expired/, () => claims({ iat: now(), exp: now() - 5 })],
    ["iat in milliseconds", /"iat" is in milliseconds/, () => claims({ iat: Date.now(), exp: now() + 600 })],
    ["iat behind", /"iat"\) is 9\d s behind.*NTP/, () => claims({ iat: now() - 95, exp: now() + 600 })],
    ["iat ahead", /"iat"\) is (9\d|89) s ahead/, () => claims({ iat: now() + 90, exp: now() + 600 })],
    [
      "Date behind",
      /\(Date\) is 1(19|20|21) s behind/,
      () => ({ headers: { date: new Date(Date.now() - 120_000).toUTCString() } }),
    ],
    [
      "Date and iat ahead by the same clock",
      /\(Date\) is \d+ s ahead/,
      () => ({
        headers: { date: new Date(Date.now() + 120_000).toUTCString() },
        ...claims({ iat: now() + 120, exp: now() + 720 }),
      }),
    ],
  ])("token or clock: %s", async ([, pattern, reply]) => {
    await finds(pattern, await endpoint(reply));
  });

  it("returns the same token twice", async () => {
    const kept = await sign();
    await finds(/same token.*Sign a new one/, await endpoint(() => ({ body: { token: kept } })));
  });

  it("is answered by a cache with an old Date: the clock is not blamed", async () => {
    const body = { token: await sign() };
    const date = new Date(Date.now() - 300_000).toUTCString();
    await finds(/same token/, await endpoint(() => ({ body, headers: { date } })));
  });

  it("is down", async () => {
    const url = await endpoint();
    const server = servers.at(-1)!;
    server.close();
    await once(server, "close");
    await finds(/failed: ECONNREFUSED/, url);
  });

  it("redirects to its own sign-in page", async () => {
    const url = await endpoint(({ url: path }) =>
      path === "/login"
        ? { headers: { "content-type": "text/html" }, body: "<form>" }
        : { status: 302, headers: { location: "/login" } },
    );
    await finds(/redirects to an HTML page at .*\/login.*answer 401/, url);
  });

  it.each(["127.0.0.1", "localhost"])(
    "redirects to a sign-in page elsewhere, at %s, which gets no request",
    async (host) => {
      const seen: IncomingMessage[] = [];
      const other = await endpoint((request) => {
        seen.push(request);
        return {};
      });
      const location = `${other.replace("127.0.0.1", host)}/login?back=a-secret`;
      await finds(
        /redirects \(302\) to http.*\/login,.*answer 401/,
        await endpoint(() => ({ status: 302, headers: { location } })),
      );
      expect(seen).toEqual([]);
    },
  );

  it("sends secrets and control characters that would be printed", async () => {
    const location = `https://login.example/${COOKIE}/%1b/login`;
    const { text } = await doctor(await endpoint(() => ({ status: 302, headers: { location } })));
    expect(text).toContain("https://login.example/…/");
    expect(toLine({ kind: "note", text: "a\u001b[31m\nb\u202ec" }, [])).toBe("– a[31mbc");
  });

  it.each([
    ["a cookie's value", "a-secret-session"],
    ["a cookie's value, encoded", "s%3Aa-secret%2Fsession", "other=1; session=s:a-secret/session; x=y"],
    ["a bearer token without its scheme", "a-secret-bearer", "1", "Authorization: Bearer a-secret-bearer"],
  ])("prints no part of a secret: %s", async (_, shown, cookie = COOKIE, header = "X-Own: 1") => {
    const location = `https://login.example/${shown}/login`;
    const url = await endpoint(() => ({ status: 302, headers: { location } }));
    const lines: string[] = [];
    const print = (line: string) => void lines.push(line);
    const headers = ["--header", `Cookie: ${cookie}`, "--header", header];
    await main(["doctor", "--endpoint", url, ...headers], print, print);
    expect(lines.join()).toContain("https://login.example/…/login");
  });

  it("redirects within its origin: no fault", async () => {
    const url = await endpoint(({ url: path }) =>
      path?.startsWith("/api/cube-token?") ? { status: 308, headers: { location: "/api/cube-token/" } } : {},
    );
    expect((await doctor(url)).wrong).toEqual([]);
  });

  it("gets the header, but no Origin for a page on its own origin", async () => {
    const seen: IncomingMessage["headers"][] = [];
    const url = await endpoint(({ headers }) => {
      seen.push(headers);
      return {};
    });
    await doctor(url, "--origin", url, "--header", "X-Tenant: acme");
    expect(seen).toHaveLength(2);
    for (const headers of seen) {
      expect(headers).toMatchObject({
        cookie: COOKIE,
        "x-tenant": "acme",
        "x-requested-with": "XMLHttpRequest",
      });
      expect(headers).not.toHaveProperty("origin");
    }
  });
});

describe("CORS of the endpoint", () => {
  const PAGE = "https://app.example";
  const allowed = {
    "access-control-allow-origin": PAGE,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "Date",
  };

  it.for<[string, RegExp, Record<string, string>]>([
    ["is missing", /CORS is missing.*Allow-Origin: https:\/\/app\.example/, {}],
    ["allows all, but no cookie", /CORS is missing.*Allow-Credentials: true/, cors],
    ["allows another", /CORS is missing/, { ...allowed, "access-control-allow-origin": "https://b.example" }],
    ["hides Date", /hides Date/, { ...allowed, "access-control-expose-headers": "*" }],
  ])("%s", async ([, pattern, headers]) => {
    await finds(pattern, await endpoint(() => ({ headers })), "--origin", PAGE);
  });

  it("is correct", async () => {
    expect((await doctor(await endpoint(() => ({ headers: allowed })), "--origin", PAGE)).wrong).toEqual([]);
    expect((await doctor(await endpoint(() => ({ headers: cors })))).wrong).toEqual([]);
  });

  it("forbids the application's own header", async () => {
    const url = await endpoint(() => ({ headers: allowed }));
    await finds(/preflight.*x-tenant/, url, "--origin", PAGE, "--header", "X-Tenant: acme");
  });

  it("refuses a foreign origin, which is no fault", async () => {
    const url = await endpoint(({ headers }) => (headers.origin ? { status: 500 } : {}));
    expect((await doctor(url)).wrong).toEqual([]);
  });
});

describe("Cube", () => {
  let cube: Cube;
  let plain: Cube;
  let strict: Cube;
  let scoped: Cube;
  let keyed: Cube;
  const keys = generateKeyPair("RS256", { extractable: true });

  beforeAll(async () => {
    const { publicKey } = await keys;
    const jwk = { ...(await exportJWK(publicKey)), kid: "published", alg: "RS256", use: "sig" };
    const jwkUrl = await serve((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
    cube = await startCube();
    plain = await startCube({
      apiSecret: SECRET,
      webSockets: false,
      http: { cors: { origin: "https://x.example" } },
    });
    strict = await startCube({
      apiSecret: SECRET,
      jwt: { audience: "reports", issuer: ["https://id.example"] },
    });
    scoped = await startCube({ apiSecret: SECRET, scopes: ["meta"] });
    keyed = await startCube({ jwt: { jwkUrl, algorithms: ["RS256"] } });
  });

  const signed = (own: Record<string, unknown> = {}, secret?: string) =>
    endpoint(async () => ({ body: { token: await sign(own, { secret }) } }));
  const withKey = async (kid: string) =>
    endpoint(async () => ({
      body: {
        token: await new SignJWT({})
          .setProtectedHeader({ alg: "RS256", kid })
          .setIssuedAt()
          .setExpirationTime("10m")
          .sign((await keys).privateKey),
      },
    }));

  /** Over HTTP and over the WebSocket. */
  async function refused(pattern: RegExp, url: string, { apiUrl }: Cube) {
    const { wrong, text } = await doctor(url, "--cube", apiUrl);
    expect(wrong, text).toHaveLength(2);
    expect(wrong[0]).toMatch(pattern);
    expect(wrong[1]).toMatch(pattern);
    expect(wrong[1]).toContain("WebSocket");
  }

  it("accepts the token: no fault is reported", async () => {
    const { wrong, text } = await doctor(await endpoint(), "--cube", `${cube.apiUrl}/`);
    expect(wrong, text).toEqual([]);
    expect(text).toMatch(/✓ Cube at .* accepts the token/);
    expect(text).toMatch(/✓ CORS: a page on .* can query Cube/);
    expect(text).toMatch(/✓ The WebSocket at ws:.* accepts the token/);
    expect(text).not.toContain("development mode");
    const right = await signed({ aud: "reports", iss: "https://id.example" });
    expect((await doctor(right, "--cube", strict.apiUrl)).wrong).toEqual([]);
    expect((await doctor(await withKey("published"), "--cube", keyed.apiUrl)).wrong).toEqual([]);
  });

  it("refuses another secret", async () => {
    await refused(/rejects the token \(403\).*CUBEJS_API_SECRET/, await signed({}, WRONG), cube);
  });

  it("refuses a wrong or missing audience or issuer", async () => {
    const audience = await signed({ aud: "sales", iss: "https://id.example" });
    await refused(/aud "sales" must be CUBEJS_JWT_AUDIENCE/, audience, strict);
    const issuer = await signed({ aud: "reports", iss: "https://other.example" });
    await refused(/iss "https:\/\/other\.example" must be CUBEJS_JWT_ISSUER/, issuer, strict);
    await refused(/aud none must be .*; iss none must be/, await signed(), strict);
  });

  it.each([
    ["is no base64", "eyJ!!"],
    ["is no JSON", "a-secret-header"],
    ["is no object", "bnVsbA"],
  ])("refuses a token whose header %s", async (_, header) => {
    const body = async () => ({ token: (await sign()).replace(/^[^.]+/, header) });
    await refused(
      /rejects the token.*Its header cannot be decoded/,
      await endpoint(async () => ({ body: await body() })),
      cube,
    );
  });

  it("sends a part of the token that would be printed", async () => {
    const api = await serve((request, response) => {
      const error = `API scope is missing: ${request.headers.authorization}`;
      response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify({ error }));
    });
    const { text } = await doctor(await endpoint(), "--cube", `${api}/cubejs-api/v1`);
    expect(text).toContain('its API scope "…" is missing');
  });

  it("refuses an unknown key", async () => {
    await refused(/kid "unknown", alg "RS256"\) must be at CUBEJS_JWK_URL/, await withKey("unknown"), keyed);
  });

  it("refuses a missing scope", async () => {
    await finds(/scope "data" is missing.*contextToApiScopes/, await signed(), "--cube", scoped.apiUrl);
  });

  it("is at another URL", async () => {
    const url = await endpoint();
    const root = cube.apiUrl.replace("/cubejs-api/v1", "");
    for (const wrong of [root, `${root}/`, `${root}/cubejs-api`]) {
      await finds(new RegExp(`no /cubejs-api/v1: try ${root}/cubejs-api/v1\\.`), url, "--cube", wrong);
    }
  });

  it("lacks CORS for the page, and a WebSocket, which queries do not need", async () => {
    const url = await endpoint();
    const { wrong, text } = await doctor(url, "--cube", plain.apiUrl);
    expect(wrong, text).toHaveLength(1);
    expect(wrong[0]).toContain(`CORS is missing at Cube: a page on ${url}`);
    expect(text).toMatch(/– The WebSocket at .*CUBEJS_WEB_SOCKETS/);
    expect((await doctor(url, "--cube", plain.apiUrl, "--origin", "https://x.example")).text).toMatch(
      /✓ CORS: a page on https:\/\/x\.example can query Cube/,
    );
  });

  it("is asked only over its WebSocket if --cube names one", async () => {
    const url = await endpoint();
    expect((await doctor(url, "--cube", cube.wsUrl)).wrong).toEqual([]);
    await finds(/WebSocket at ws:.* failed \(200\).*CUBEJS_WEB_SOCKETS/, url, "--cube", plain.wsUrl);
  });

  it.each([
    ["with a status", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", /failed \(403\).*Upgrade/],
    ["by hanging up", "", /failed: ECONNRESET/],
  ])("has a proxy that refuses the WebSocket %s", async (_, answer, pattern) => {
    const proxy = await serve(
      async (request, response) => {
        const { method = "GET", headers } = request;
        const { host, connection, ...rest } = headers as Record<string, string>;
        const to = `http://127.0.0.1:${cube.port}${request.url}`;
        const through = await fetch(to, { method, headers: rest });
        const kept = [...through.headers].filter(([name]) => name.startsWith("access-"));
        response.writeHead(through.status, {
          ...Object.fromEntries(kept),
          "content-type": "application/json",
        });
        response.end(await through.text());
      },
      (_request, socket) => socket.end(answer),
    );
    await finds(pattern, await endpoint(), "--cube", `${proxy}/cubejs-api/v1`);
  });

  it("accepts any token in development mode, which is reported", async () => {
    const open = await startCube({ apiSecret: SECRET, development: true });
    const { text, wrong } = await doctor(await endpoint(), "--cube", open.apiUrl);
    expect(wrong).toEqual([]);
    expect(text).toContain("development mode");
  });
});

describe("the command", () => {
  const run = async (...args: string[]) => {
    const out: string[] = [];
    const err: string[] = [];
    const code = await main(
      args,
      (line) => out.push(line),
      (line) => err.push(line),
    );
    return { code, out: out.join("\n"), err: err.join("\n") };
  };

  it.each<string[][]>([
    [[]],
    [["doctor"]],
    [["doctor", "--endpoint", "/api/token"]],
    [["doctor", "--endpoint", "ftp://example.com"]],
    [["doctor", "--endpoint", "https://user:a-secret@example.com"]],
    [["doctor", "--endpoint", "https://example.com", "--cube", "example.com"]],
    [["doctor", "--endpoint", "https://example.com", "--origin", "null"]],
    [["doctor", "--endpoint", "https://example.com", "--header", "a-secret"]],
    [["doctor", "--endpoint", "https://example.com", "--header", "Cookie: x\r\na-secret: 1"]],
    [["doctor", "--endpoint", "https://example.com", "Cookie:", "a-secret"]],
    [["doctor", "--endpoint", "https://example.com", "--a-secret"]],
    [["nurse", "--endpoint", "https://example.com"]],
  ])("answers %j with a usage line", async (args) => {
    const { code, out, err } = await run(...args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("Usage: cube-token-manager doctor --endpoint URL");
    expect(err).not.toContain("a-secret");
  });

  it("prints its help", async () => {
    expect(await run("--help")).toMatchObject({ code: 0, out: expect.stringContaining("--header") });
  });

  it("runs as published", async () => {
    const built = `${import.meta.dirname}/../../dist/doctor.js`;
    const started = async (...args: string[]) =>
      new Promise<{ code: unknown; stdout: string }>((resolve) =>
        execFile(process.execPath, [built, ...args], (error, stdout) =>
          resolve({ code: error?.code ?? 0, stdout }),
        ),
      );
    const url = await endpoint();
    expect(await started("doctor", "--endpoint", url)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^✓ The endpoint/),
    });
    expect((await started("doctor", "--endpoint", await endpoint(() => ({ status: 404 })))).code).toBe(1);
    expect((await started()).code).toBe(2);
  });
});
