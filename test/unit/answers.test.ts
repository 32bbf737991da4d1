import { describe, expect, it, vi } from "vitest";
import { CubeTokenError, type CubeTokenErrorCode, customStorage, isCubeTokenError } from "../../src/index.js";
import { outcomes } from "../support/events.js";
import { jwt } from "../support/jwt.js";
import { create } from "../support/setup.js";
import { advance, HOUR, settle, World } from "../support/world.js";

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const good = () => jwt({ sub: "a", exp: inAnHour() });
/** Part of every bad answer below, so that no message can quote it unnoticed. */
const SECRET = "c2VjcmV0LXZhbHVl";

const text = (body: string, type = "text/plain") => new Response(body, { headers: { "content-type": type } });
const json = (body: unknown) => Response.json(body);

const serve = (answer: () => Response | Promise<Response>, options: object = {}) =>
  create({ endpoint: "/token", retries: 0, fetch: async () => answer(), ...options });

describe("understands", () => {
  const token = good();
  const shapes: Record<string, () => Response> = {
    "{ token }": () => json({ token }),
    "{ cubeApiToken } (Cube Cloud)": () => json({ cubeApiToken: token }),
    "JSON sent as text/html (PHP)": () => text(JSON.stringify({ token }), "text/html; charset=UTF-8"),
    "JSON sent as application/octet-stream": () => text(JSON.stringify(token), "application/octet-stream"),
    "application/jwt": () => text(token, "application/jwt"),
    "{ access_token }": () => json({ access_token: token }),
    "{ access_token, expires_in, token_type }": () =>
      json({ access_token: token, expires_in: 300, token_type: "Bearer" }),
    "{ accessToken, expiresIn }": () => json({ accessToken: token, expiresIn: 300 }),
    "expires_in as a string": () => json({ access_token: token, expires_in: "300" }),
    "expires_in null": () => json({ access_token: token, expires_in: null }),
    "a JSON string": () => json(token),
    "application/problem+json": () => text(JSON.stringify({ token }), "application/problem+json"),
    "a charset after the type": () => text(JSON.stringify({ token }), "Application/JSON; charset=UTF-8"),
    "text/plain": () => text(token),
    "text/plain with a newline": () => text(`${token}\n`),
    "JSON sent as text/plain": () => text(JSON.stringify({ token })),
    "no content type": () => {
      const response = text(token);
      response.headers.delete("content-type");
      return response;
    },
    "status 201": () => Response.json({ token }, { status: 201 }),
  };
  for (const [name, answer] of Object.entries(shapes)) {
    it(name, async () => {
      expect(await serve(answer).getToken()).toBe(token);
    });
  }

  it("a response without a stream (React Native)", async () => {
    const response = Object.defineProperty(json({ token }), "body", { value: null });
    expect(await serve(() => response).getToken()).toBe(token);
  });

  it("non-ASCII claims", async () => {
    const manager = serve(() => json({ token: jwt({ name: "Zoë 東京 🧊", exp: inAnHour() }) }));
    await manager.getToken();
    expect(manager.getSnapshot().claims).toMatchObject({ name: "Zoë 東京 🧊" });
  });

  it("a token of 12 KB", async () => {
    const big = jwt({ groups: Array.from({ length: 900 }, (_, n) => `group-${n}`), exp: inAnHour() });
    expect(big.length).toBeGreaterThan(12_000);
    expect(await serve(() => json({ token: big })).getToken()).toBe(big);
  });

  it("an encrypted token of five parts, as opaque", async () => {
    const manager = serve(() => json({ token: `eyJhbGciOiJkaXIifQ..${SECRET}.${SECRET}.${SECRET}` }));
    await manager.getToken();
    expect(manager.getSnapshot()).toEqual({ status: "fresh", refreshing: false });
  });
});

interface Bad {
  name: string;
  code: CubeTokenErrorCode;
  answer: () => Response | Promise<Response>;
  status?: number;
  retryAfter?: number;
}

const stalled = () =>
  new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(`{"token":"${SECRET}`)),
    }),
    { headers: { "content-type": "application/json" } },
  );

const redirected = () =>
  Object.defineProperty(text(`<form>${SECRET}</form>`, "text/html"), "redirected", { value: true });

const payload = (value: string) => `eyJhbGciOiJIUzI1NiJ9.${btoa(value).replace(/=+$/, "")}.${SECRET}`;

const bad: Bad[] = [
  {
    name: "HTML with 200",
    code: "ERR_INVALID_RESPONSE",
    answer: () => text(`<html>${SECRET}</html>`, "text/html"),
  },
  { name: "an empty body", code: "ERR_INVALID_RESPONSE", answer: () => text("") },
  { name: "an empty JSON body", code: "ERR_INVALID_RESPONSE", answer: () => text("", "application/json") },
  { name: "{}", code: "ERR_INVALID_RESPONSE", answer: () => json({}) },
  { name: "[]", code: "ERR_INVALID_RESPONSE", answer: () => json([]) },
  { name: "a number", code: "ERR_INVALID_RESPONSE", answer: () => json(42) },
  { name: "null", code: "ERR_INVALID_RESPONSE", answer: () => json(null) },
  { name: "null as text", code: "ERR_INVALID_RESPONSE", answer: () => text("null") },
  { name: "undefined as text", code: "ERR_INVALID_RESPONSE", answer: () => text("undefined") },
  { name: "{ token: 42 }", code: "ERR_INVALID_RESPONSE", answer: () => json({ token: 42 }) },
  { name: '{ token: "" }', code: "ERR_INVALID_RESPONSE", answer: () => json({ token: "" }) },
  { name: "{ token: { } }", code: "ERR_INVALID_RESPONSE", answer: () => json({ token: { value: SECRET } }) },
  { name: "another name", code: "ERR_INVALID_RESPONSE", answer: () => json({ jwt: SECRET }) },
  {
    name: "expires_in that is not a number",
    code: "ERR_INVALID_RESPONSE",
    answer: () => json({ access_token: SECRET, expires_in: "soon" }),
  },
  {
    name: "expires_in that is an object",
    code: "ERR_INVALID_RESPONSE",
    answer: () => json({ access_token: SECRET, expires_in: {} }),
  },
  {
    name: "expires_in of zero",
    code: "ERR_TOKEN_EXPIRED",
    answer: () => json({ access_token: SECRET, expires_in: 0 }),
  },
  {
    name: "expires_in below zero",
    code: "ERR_TOKEN_EXPIRED",
    answer: () => json({ access_token: SECRET, expires_in: -5 }),
  },
  {
    name: "a JWT of two parts",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: `eyJhbGciOiJI.${SECRET}` }),
  },
  { name: "a JWT of one part", code: "ERR_INVALID_TOKEN", answer: () => json({ token: `eyJ${SECRET}` }) },
  {
    name: "a JWT of four parts",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: `eyJhbGciOiJI.${SECRET}.${SECRET}.${SECRET}` }),
  },
  {
    name: "broken base64",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: `eyJhbGciOiJI.a.${SECRET}` }),
  },
  {
    name: "a payload that is not JSON",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: payload(SECRET) }),
  },
  {
    name: "a payload that is a list",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: payload("[1]") }),
  },
  {
    name: "a payload that is null",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: payload("null") }),
  },
  {
    name: "a payload that is a number",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: payload("7") }),
  },
  {
    name: "a scheme before the token",
    code: "ERR_INVALID_TOKEN",
    answer: () => json({ token: `Bearer ${good()}` }),
  },
  { name: "a sentence as text", code: "ERR_INVALID_TOKEN", answer: () => text(`Not signed in ${SECRET}`) },
  {
    name: "JSON cut off",
    code: "ERR_INVALID_RESPONSE",
    answer: () => text(`{"token":"${SECRET}`, "application/json"),
  },
  { name: "JSON cut off, as text", code: "ERR_INVALID_RESPONSE", answer: () => text(`{"token":"${SECRET}`) },
  { name: "a redirect to a login page", code: "ERR_UNAUTHENTICATED", answer: redirected },
  { name: "204", code: "ERR_INVALID_RESPONSE", answer: () => new Response(null, { status: 204 }) },
  {
    name: "a bare token under another content type",
    code: "ERR_INVALID_RESPONSE",
    answer: () => text(good(), "application/octet-stream"),
  },
  {
    name: "401",
    code: "ERR_UNAUTHENTICATED",
    status: 401,
    answer: () => Response.json({ token: SECRET }, { status: 401 }),
  },
  {
    name: "403",
    code: "ERR_FORBIDDEN",
    status: 403,
    answer: () => Response.json({ token: SECRET }, { status: 403 }),
  },
  { name: "304", code: "ERR_HTTP_STATUS", status: 304, answer: () => new Response(null, { status: 304 }) },
  { name: "404", code: "ERR_HTTP_STATUS", status: 404, answer: () => new Response(SECRET, { status: 404 }) },
  { name: "500", code: "ERR_HTTP_STATUS", status: 500, answer: () => new Response(SECRET, { status: 500 }) },
  { name: "503", code: "ERR_HTTP_STATUS", status: 503, answer: () => new Response(SECRET, { status: 503 }) },
  {
    name: "429 with Retry-After in seconds",
    code: "ERR_HTTP_STATUS",
    status: 429,
    retryAfter: 7000,
    answer: () => new Response(SECRET, { status: 429, headers: { "retry-after": "7" } }),
  },
  {
    name: "429 with Retry-After as a date, on the server's clock",
    code: "ERR_HTTP_STATUS",
    status: 429,
    retryAfter: 30_000,
    answer: () =>
      new Response(SECRET, {
        status: 429,
        headers: { date: "Sun, 01 Mar 2020 12:00:00 GMT", "retry-after": "Sun, 01 Mar 2020 12:00:30 GMT" },
      }),
  },
  {
    name: "429 with Retry-After in the past",
    code: "ERR_HTTP_STATUS",
    status: 429,
    retryAfter: 0,
    answer: () =>
      new Response(SECRET, { status: 429, headers: { "retry-after": "Sun, 01 Mar 2020 12:00:30 GMT" } }),
  },
  {
    name: "429 with a meaningless Retry-After",
    code: "ERR_HTTP_STATUS",
    status: 429,
    answer: () => new Response(SECRET, { status: 429, headers: { "retry-after": "later" } }),
  },
  {
    name: "no network",
    code: "ERR_NETWORK",
    answer: () => Promise.reject(new TypeError("Failed to fetch")),
  },
  { name: "a body that stalls half way", code: "ERR_TIMEOUT", answer: stalled },
  { name: "no answer at all", code: "ERR_TIMEOUT", answer: () => new Promise(() => {}) },
  {
    name: "a body that breaks off",
    code: "ERR_NETWORK",
    answer: () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.error(new TypeError("terminated")) }),
        {
          headers: { "content-type": "application/json" },
        },
      ),
  },
];

/** Everything readable in an error, including its causes. */
function everything(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.message} ${error.stack} ${JSON.stringify(error)} ${everything(error.cause)}`;
}

describe("refuses", () => {
  for (const { name, code, answer, status, retryAfter } of bad) {
    it(`${name}: ${code}`, async () => {
      const world = new World();
      const manager = create({ endpoint: "/token", retries: 0, fetch: world.fetch });
      // A good token first: a bad answer must not discard it.
      const token = await manager.getToken();
      const before = manager.getSnapshot();
      world.answer = () => answer() as Response;
      const refused = manager.getToken({ forceRefresh: true }).catch((error: unknown) => error);
      await advance(10_000);
      const error = await refused;
      expect(isCubeTokenError(error)).toBe(true);
      expect(error).toMatchObject({ code });
      expect((error as CubeTokenError).status).toBe(status);
      expect((error as CubeTokenError).retryAfter).toBe(retryAfter);
      const readable = everything(error);
      expect(readable).not.toContain(SECRET);
      expect(readable).not.toContain(token);
      expect((error as Error).message.length).toBeGreaterThan(20);
      // The state is intact.
      const { error: shown, ...rest } = manager.getSnapshot();
      expect(rest).toEqual(before);
      expect(shown).toMatchObject({ code, message: (error as Error).message });
      expect(shown).not.toHaveProperty("cause");
      expect(await manager.getToken()).toBe(token);
      // The next good answer of the endpoint is accepted.
      world.answer = () => undefined;
      expect(await manager.getToken({ forceRefresh: true })).not.toBe(token);
      expect(manager.getSnapshot().error).toBeUndefined();
    });
  }

  it("a stream of 50 MB, after reading 1 MiB of it", async () => {
    let sent = 0;
    let cancelled = false;
    const chunk = new Uint8Array(65_536).fill(97);
    const body = new ReadableStream({
      pull(controller) {
        sent += chunk.length;
        controller.enqueue(chunk);
        if (sent > 50_000_000) controller.close();
      },
      cancel() {
        cancelled = true;
      },
    });
    const manager = serve(() => new Response(body, { headers: { "content-type": "text/plain" } }));
    await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_INVALID_RESPONSE" });
    expect(sent).toBeLessThan(1_048_576 + 3 * 65_536);
    expect(cancelled).toBe(true);
  });

  it("frees the connection of an answer that it does not read", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      cancel() {
        cancelled = true;
      },
    });
    const manager = serve(() => new Response(body, { status: 500 }));
    await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_HTTP_STATUS" });
    expect(cancelled).toBe(true);
  });

  it("keeps the network's own error as the cause", async () => {
    const cause = new TypeError("Failed to fetch");
    await expect(serve(() => Promise.reject(cause)).getToken()).rejects.toMatchObject({ cause });
  });
});

describe("the request", () => {
  const answer = () => json({ token: good() });

  it("is a GET for JSON that sends the session's cookies and bypasses every cache", async () => {
    const fetch = vi.fn(async (..._: unknown[]) => answer());
    await create({ endpoint: "/auth/cubejs-token", fetch }).getToken();
    const [url, init] = fetch.mock.calls[0] as [string, RequestInit];
    expect(url).toBe("/auth/cubejs-token");
    expect(init).toMatchObject({ credentials: "same-origin", cache: "no-store" });
    expect(init.method).toBeUndefined();
    expect(new Headers(init.headers).get("accept")).toBe("application/json");
    expect(init.signal).toBeInstanceOf(AbortSignal);
  });

  it("keeps its defaults where the request option is undefined", async () => {
    const world = new World();
    const request = { credentials: undefined, cache: undefined, redirect: undefined } as object;
    await create({ endpoint: "/token", fetch: world.fetch, request }).getToken();
    expect(world.contexts[0]).toMatchObject({
      credentials: "same-origin",
      cache: "no-store",
      redirect: "follow",
    });
  });

  it("takes method, headers, credentials and body from the request option", async () => {
    const fetch = vi.fn(async (..._: unknown[]) => answer());
    const request = {
      method: "POST",
      credentials: "include",
      body: "{}",
      headers: { Accept: "text/plain", "X-Csrf": "1" },
    } as const;
    await create({ endpoint: new URL("https://auth.example/token"), fetch, request }).getToken();
    const [url, init] = fetch.mock.calls[0] as [URL, RequestInit];
    expect(String(url)).toBe("https://auth.example/token");
    expect(init).toMatchObject({ method: "POST", credentials: "include", body: "{}", cache: "no-store" });
    const headers = new Headers(init.headers);
    expect([headers.get("accept"), headers.get("x-csrf")]).toEqual(["text/plain", "1"]);
  });

  it("calls a request function for each request, with the rejected token", async () => {
    const contexts: unknown[] = [];
    const manager = create({
      endpoint: "/token",
      fetch: async () => json({ token: jwt({ n: contexts.length }) }),
      request: async (context) => {
        contexts.push(context.rejectedToken);
        return { headers: { "X-Try": String(contexts.length) } };
      },
    });
    const first = await manager.getToken();
    manager.invalidate(first);
    await manager.getToken();
    expect(contexts).toEqual([undefined, first]);
  });

  it("reports a request function that throws, with its error as the cause", async () => {
    const cause = new Error("no CSRF token in the page");
    const manager = create({
      endpoint: "/token",
      retries: 0,
      request: () => {
        throw cause;
      },
    });
    await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_NETWORK", cause });
  });

  it("looks up globalThis.fetch for each request", async () => {
    const manager = create({ endpoint: "/token", retries: 0 });
    const late = vi.fn(async () => answer());
    vi.stubGlobal("fetch", late);
    await manager.getToken();
    expect(late).toHaveBeenCalledTimes(1);
  });

  it("says what to do where fetch is missing: an old Node, jsdom", async () => {
    vi.stubGlobal("fetch", undefined);
    const tokens = create({ endpoint: "https://app.test/token", retries: 0 });
    await expect(tokens.getToken()).rejects.toMatchObject({
      code: "ERR_NETWORK",
      message: expect.stringContaining("use Node 18 or newer, or pass the option fetch"),
    });
  });
});

describe("a word that comes from an unset variable", () => {
  for (const word of ["undefined", "null", "NaN", "true", "false"]) {
    const code = { code: expect.stringMatching(/^ERR_INVALID_(TOKEN|RESPONSE)$/) };

    it(`is refused as a token in every kind of answer: ${word}`, async () => {
      for (const answer of [
        () => json({ token: word }),
        () => json({ access_token: word, expires_in: 300 }),
        () => json(word),
        () => text(word),
        () => text(word, "application/jwt"),
      ]) {
        await expect(serve(answer).getToken()).rejects.toMatchObject(code);
      }
      for (const result of [word, { token: word }]) {
        const manager = create({ fetchToken: async () => result, retries: 0 });
        await expect(manager.getToken()).rejects.toMatchObject(code);
      }
      expect(create({ endpoint: "/token", initialToken: word }).getSnapshot().status).toBe("empty");
    });
  }
});

describe("a token of visible ASCII", () => {
  const allowed = Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n)).filter(
    (char) => !"\"',;".includes(char),
  );

  it("may contain every character except commas, semicolons and quotes", async () => {
    for (const token of ["12|abcDEF", "a:b", ...allowed.map((char) => `x${char}`), allowed.join("")]) {
      expect(await serve(() => json({ token })).getToken()).toBe(token);
    }
  });

  it("may contain no other character", async () => {
    for (const char of ['"', "'", ",", ";", " ", "\t", "\n", "\0", "\x7f", "é", "\u2028", "🧊"]) {
      await expect(serve(() => json({ token: `x${char}x` })).getToken()).rejects.toMatchObject({
        code: "ERR_INVALID_TOKEN",
      });
    }
  });

  it("must not begin with a scheme, and the message says so", async () => {
    for (const scheme of ["Bearer", "bearer", "BEARER"]) {
      await expect(serve(() => json({ token: `${scheme} ${good()}` })).getToken()).rejects.toMatchObject({
        code: "ERR_INVALID_TOKEN",
        message: 'The token begins with "Bearer". Return the bare token.',
        url: expect.stringMatching(/\/token$/),
        contentType: "application/json",
      });
    }
  });
});

describe("an error of the endpoint", () => {
  it("names its URL without query, fragment and password", async () => {
    for (const [endpoint, url] of [
      ["https://auth.example/token?session=s3cret#x", "https://auth.example/token"],
      ["https://ada:s3cret@auth.example/token", "https://auth.example/token"],
      ["https://auth.example?session=s3cret", "https://auth.example/"],
      ["/auth/token?session=s3cret", `${location.origin}/auth/token`],
    ]) {
      const answer = async () => new Response("", { status: 500 });
      const error = await create({ endpoint: endpoint!, retries: 0, fetch: answer })
        .getToken()
        .catch((error: unknown) => error);
      expect(error).toMatchObject({ code: "ERR_HTTP_STATUS", status: 500, url });
      expect(everything(error)).not.toContain("s3cret");
    }
  });

  it("names the URL, and says what to do about its status", async () => {
    const url = "http://localhost:3000/token";
    const messageOf = async (status: number) =>
      (
        await serve(() => new Response("", { status }))
          .getToken()
          .catch((error) => error)
      ).message;
    expect(await messageOf(401)).toBe(`${url} answered 401: sign in again.`);
    expect(await messageOf(403)).toContain(`${url} answered 403: not allowed, or blocked`);
    expect(await messageOf(404)).toBe(`${url} answered 404: is the path right?`);
    expect(await messageOf(502)).toBe(`${url} answered 502. See its log.`);
  });
});

describe("fetchToken", () => {
  it("may return a token, or a token with its lifetime in seconds", async () => {
    expect(await create({ fetchToken: async () => "opaque" }).getToken()).toBe("opaque");
    const manager = create({ fetchToken: async () => ({ token: "opaque", expires_in: 300 }) });
    await manager.getToken();
    expect(manager.getSnapshot().expiresAt).toBeGreaterThan(Date.now() + 290_000);
  });

  it('may return "": no token is needed, and none is stored', async () => {
    const storage = { getItem: vi.fn(() => null), setItem: vi.fn(), removeItem: vi.fn() };
    const fetchToken = vi.fn(async () => "");
    const manager = create({ fetchToken, storage: customStorage(storage) });
    expect(await manager.getToken()).toBe("");
    expect(await manager.getToken()).toBe("");
    expect(fetchToken).toHaveBeenCalledTimes(1);
    expect(storage.setItem).not.toHaveBeenCalled();
    expect(manager.getSnapshot()).toEqual({ status: "fresh", refreshing: false });
  });

  for (const result of [null, undefined]) {
    it(`signals with ${result} that the user is signed out, and is not called again`, async () => {
      const fetchToken = vi.fn(async () => result);
      const manager = create({ fetchToken });
      await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_UNAUTHENTICATED" });
      expect(fetchToken).toHaveBeenCalledTimes(1);
      expect(manager.getSnapshot().status).toBe("empty");
    });
  }

  for (const result of [42, {}, { token: 42 }, { token: "" }, { token: null }, [], true]) {
    it(`may not return ${JSON.stringify(result)}`, async () => {
      const manager = create({ fetchToken: async () => result as never, retries: 0 });
      await expect(manager.getToken()).rejects.toMatchObject({ code: "ERR_INVALID_RESPONSE" });
    });
  }

  it("is bounded by requestTimeout, which aborts its signal", async () => {
    vi.useFakeTimers();
    let signal: AbortSignal | undefined;
    const manager = create({
      fetchToken: (context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
      requestTimeout: 500,
      retries: 0,
    });
    const refused = manager.getToken().catch((error: unknown) => error);
    await advance(499);
    expect(signal?.aborted).toBe(false);
    await advance(1);
    expect(await refused).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(signal?.aborted).toBe(true);
  });

  it("is retried when it rejects, with ERR_SOURCE", async () => {
    vi.useFakeTimers();
    const cause = new Error("offline");
    const fetchToken = vi.fn(async () => "opaque").mockRejectedValueOnce(cause);
    const manager = create({ fetchToken });
    const events: unknown[] = [];
    manager.subscribe(outcomes((event) => events.push(event)));
    const token = manager.getToken();
    await advance(1000);
    expect(await token).toBe("opaque");
    expect(fetchToken).toHaveBeenCalledTimes(2);
    expect(events).toEqual([{ type: "refreshed", from: "source" }]);
  });

  it("decides with a CubeTokenError whether it is retried", async () => {
    const over = new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.");
    const fetchToken = vi.fn(async () => Promise.reject(over));
    await expect(create({ fetchToken }).getToken()).rejects.toBe(over);
    expect(fetchToken).toHaveBeenCalledTimes(1);
  });
});

describe("Retry-After", () => {
  const busy = (seconds: string) => () =>
    new Response(null, { status: 429, headers: { "retry-after": seconds } });

  it.each([5, 10])("delays the next attempt while a call is pending: %i s", async (seconds) => {
    const world = new World();
    world.answer = (n) => (n === 1 ? busy(`${seconds}`)() : undefined);
    const manager = create({ endpoint: "/token", fetch: world.fetch });
    const token = manager.getToken();
    await advance(seconds * 1000 - 1);
    expect(world.requests.length).toBe(1);
    await advance(2);
    expect(await token).toBe(world.tokens[0]);
  });

  it("that is longer rejects the call at once, and no request is sent before its end", async () => {
    const world = new World();
    world.answer = busy("120");
    const manager = create({ endpoint: "/token", fetch: world.fetch });
    const first = await manager.getToken().catch((error: unknown) => error);
    expect(first).toMatchObject({ code: "ERR_HTTP_STATUS", retryAfter: 120_000 });
    for (let second = 0; second < 110; second++) {
      expect(await manager.getToken().catch((error: unknown) => error)).toBe(first);
      await advance(1000);
    }
    expect(world.requests.length).toBe(1);
    // With less than ten seconds left, a call waits for its end.
    world.answer = () => undefined;
    const token = manager.getToken();
    await advance(9_990);
    expect(world.requests.length).toBe(1);
    await advance(20);
    expect(await token).toBe(world.tokens[0]);
  });

  it("of a year is capped at an hour", async () => {
    const world = new World();
    world.answer = busy("31536000");
    const manager = create({ endpoint: "/token", fetch: world.fetch });
    await manager.getToken().catch(settle);
    world.answer = () => undefined;
    await advance(HOUR);
    expect(await manager.getToken()).toBe(world.tokens[0]);
  });
});
