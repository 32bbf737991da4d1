import { beforeEach, describe, expect, it, vi } from "vitest";
import { abort } from "../../src/core/abort.js";
import { readToken } from "../../src/core/token.js";
import { withoutCause } from "../../src/core/without-cause.js";
import { CubeTokenError, isCubeTokenError } from "../../src/errors.js";
import { parseBody } from "../../src/source/answer.js";
import { ask } from "../../src/source/ask.js";
import { readBody } from "../../src/source/body.js";
import { endpointSource } from "../../src/source/endpoint.js";
import { functionSource } from "../../src/source/function.js";
import type { Answer, Source, SourceContext } from "../../src/source/source.js";
import { originOf } from "../../src/source/url.js";
import { readRecord, writeRecord } from "../../src/storage/record.js";
import { failureOf, readNews } from "../../src/tabs/messages.js";
import { jwt } from "../support/jwt.js";
import { advance, SECOND, World } from "../support/world.js";
import "../support/setup.js";

const { signal } = new AbortController();
const answering = (response: () => Response) => endpointSource("/token", {}, async () => response());
const once = (source: Source, timeout = 10 * SECOND, refresh = signal, rejectedToken?: string) =>
  ask(source, { timeout, refresh, force: false, rejectedToken });
const failureWith = async (response: () => Response): Promise<CubeTokenError> =>
  once(answering(response)).then(
    () => expect.unreachable(),
    (error) => error,
  );

beforeEach(() => void new World());

describe("Retry-After", () => {
  const after = async (value: string | undefined, date?: string) => {
    const headers = { ...(value !== undefined && { "retry-after": value }), ...(date && { date }) };
    const error = await failureWith(() => new Response(null, { status: 503, headers }));
    return error.retryAfter;
  };

  it.each([
    ["0", 0],
    ["120", 120_000],
    [" 120 ", 120_000],
    ["3600", 3_600_000],
  ])("is seconds: %j", async (value, expected) => {
    expect(await after(value)).toBe(expected);
  });

  it.each([undefined, "", "soon", "1 soon", "x1", "1x"])("is ignored if it is invalid: %j", async (value) => {
    expect(await after(value)).toBeUndefined();
  });

  it.each(["3601", "31536000", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"])(
    "is capped at an hour: %s",
    async (value) => {
      expect(await after(value)).toBe(3_600_000);
    },
  );

  it.each(["Infinity", "NaN", "-1", "1e3", "+275760-09-13T00:00:00Z"])(
    "stays within its range: %s",
    async (value) => {
      const delay = await after(value);
      expect(delay === undefined || (delay >= 0 && delay <= 3_600_000)).toBe(true);
    },
  );

  it.each(["-5", "+5", "1.5", "2.", "5/6", "soon 5", "2026-03-01"])(
    "is ignored if it is neither seconds nor a date: %s",
    async (value) => {
      expect(await after(value)).toBeUndefined();
    },
  );

  it("is a date on the server's clock, or else on the local one", async () => {
    const at = (ms: number) => new Date(ms).toUTCString();
    const local = Math.floor(Date.now() / 1000) * 1000;
    expect(await after(at(local + 3_600_000), at(local + 3_570_000))).toBe(30_000);
    expect(await after(at(local + 600_000))).toBe(600_000 - (Date.now() - local));
    expect(await after(at(local), at(local + 30_000))).toBe(0);
  });
});

describe("the Date of an answer", () => {
  const dateOf = async (headers: Record<string, string>, wait = 0) => {
    const source = endpointSource("/token", {}, async () => {
      if (wait) await advance(wait);
      return Response.json({ token: "t" }, { headers });
    });
    return (await once(source)).date;
  };
  const date = new Date("2026-03-01T12:00:00Z");

  const within = (length: number, age = 0) => ({
    earliest: date.getTime(),
    latest: date.getTime() + length,
    age,
  });

  it("spans the second that it names plus the round trip", async () => {
    expect(await dateOf({ date: date.toUTCString() })).toEqual(within(1000));
    expect(await dateOf({ date: date.toUTCString() }, 400)).toEqual(within(1400));
  });

  it("includes the Age of a cache", async () => {
    expect(await dateOf({ date: date.toUTCString(), age: "60" })).toEqual(within(1000, 60_000));
  });

  it.each([
    "old",
    "",
    "Infinity",
    "-Infinity",
    "NaN",
    "-60",
    "1e308",
    "1.5",
    "60, 60",
    "31536001",
    "9".repeat(400),
  ])("ignores an Age of %j", async (age) => {
    expect(await dateOf({ date: date.toUTCString(), age })).toEqual(within(1000));
  });

  it("is absent if it is missing or invalid", async () => {
    expect(await dateOf({})).toBeUndefined();
    for (const none of [
      "yesterday",
      "",
      "NaN",
      "Infinity",
      "1e308",
      "+275760-09-13T00:00:00Z",
      "-000001-01-01T00:00:00Z",
      "0",
      "-5",
      "1.5",
      "2026",
    ]) {
      expect(await dateOf({ date: none })).toBeUndefined();
    }
    expect(await dateOf({ age: "60" })).toBeUndefined();
  });

  it("advances while the body arrives", async () => {
    const body = new ReadableStream({
      async start(controller) {
        await advance(300);
        controller.enqueue(new TextEncoder().encode('{"token":"t"}'));
        controller.close();
      },
    });
    const source = answering(
      () => new Response(body, { headers: { date: date.toUTCString(), "content-type": "application/json" } }),
    );
    // Reading the body advances the test's clock.
    const { earliest = 0 } = (await once(source)).date ?? {};
    expect(earliest - date.getTime()).toBeGreaterThanOrEqual(0);
  });
});

describe("expires_in", () => {
  const lifetime = async (expires_in: unknown) =>
    (await once(functionSource(async () => ({ token: "t", expires_in }) as never))).expiresIn;

  it.each([
    [300, 300_000],
    ["300", 300_000],
    [0, 0],
    [-5, 0],
    [-Infinity, 0],
    [-1e308, 0],
    ["-1", 0],
    [1e15, 4.32e15],
    [1e308, 4.32e15],
    [Infinity, 4.32e15],
    ["Infinity", 4.32e15],
    [null, undefined],
    [undefined, undefined],
  ])(
    "is in seconds, as a number or a string, at least 0 and within the range of a Date: %j",
    async (value, expected) => {
      expect(await lifetime(value)).toBe(expected);
    },
  );

  it.each(["", "x", "NaN", {}, [], true, Number.NaN])("is refused if it is neither: %j", async (value) => {
    await expect(lifetime(value)).rejects.toMatchObject({
      code: "ERR_INVALID_RESPONSE",
      message: "expires_in must be a number of seconds (RFC 6749).",
    });
  });
});

it.each([
  ["https://app.example/token?a=b", "https://app.example"],
  ["https://app.example?a=b", "https://app.example"],
  ["/token?next=https://other.example/", undefined],
  ["token", undefined],
])("the origin of %s is %s", (url, origin) => expect(originOf(url)).toBe(origin));

describe("a body", () => {
  const json = { "content-type": "application/json" };

  it("of up to 1 MiB is read, and chunks are joined", async () => {
    const token = "x".repeat(1_048_576 - 2);
    expect((await once(answering(() => new Response(`"${token}"`, { headers: json })))).token).toBe(token);
    const whole = new TextEncoder().encode('{"é":1,"token":"t"}');
    const [head, tail] = [whole.slice(0, 3), whole.slice(3)];
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue(head);
        controller.enqueue(tail);
        controller.close();
      },
    });
    // One letter is split in two.
    expect(await readBody(new Response(pieces), {})).toBe('{"é":1,"token":"t"}');
  });

  it.each([
    ["text/plain", "to.ken"],
    ["text/plain", ' {"a":1}'],
    ["application/jwt", "to.ken"],
    ["", "to.ken"],
  ])("of type %j can be %j", (contentType, text) => {
    expect(parseBody(text.trim(), { contentType })).toEqual(text === "to.ken" ? text : { a: 1 });
  });

  it.each([
    ["text/plainer", "to.ken"],
    ["x-text/plain", "to.ken"],
    ["application/jwts", "to.ken"],
    ["text/html", 'x{"token":"t"}'],
    ["text/html", "nullable"],
  ])("of type %j cannot be %j", (contentType, text) => {
    expect(() => parseBody(text, { contentType })).toThrow("neither JSON nor a token");
  });

  it("of more is not read to the end, and the message says what may be wrong", async () => {
    let cancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => {
        cancelled = true;
      },
    });
    expect(await failureWith(() => new Response(endless, { headers: json }))).toMatchObject({
      code: "ERR_INVALID_RESPONSE",
      message: expect.stringMatching(
        /^The answer is longer than 1 MiB\. Is the endpoint a file or a page\? Content type: application\/json\. URL: http/,
      ),
    });
    expect(cancelled).toBe(true);
  });

  it("that is not read is cancelled", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        cancelled = true;
      },
    });
    await failureWith(() => new Response(body, { status: 500 }));
    expect(cancelled).toBe(true);
  });

  it.each([
    ["application/json; charset=utf-8", '{"token":"t"}'],
    ["Application/JSON", '{"token":"t"}'],
    ["application/problem+json", '{"token":"t"}'],
    [" application/json ", '{"token":"t"}'],
    ["text/html; charset=UTF-8", '{"token":"t"}'],
    ["text/html", ' "t"'],
    ["text/javascript", '{"access_token":"t"}'],
    ["application/octet-stream", '{"accessToken":"t"}'],
    ["application/json", '{"cubeApiToken":"t"}'],
    ["image/png", '{"cubeApiToken":"t"}'],
    ["application/jwt", "t"],
    ["application/at+jwt", "t"],
    ["text/plain", '{"token":"t"}'],
    ["text/plain", '  {"token":"t"} '],
    ["text/plain", '"t"'],
    ["text/plain;charset=utf-8", " t\n"],
    ["", "t"],
  ])("of the type %j is understood: %j", async (type, text) => {
    const headers = { "content-type": type };
    expect((await once(answering(() => new Response(text, { headers })))).token).toBe("t");
  });

  it("that begins like JSON but is not JSON is a token", async () => {
    for (const token of ["nullable", "undefined1", "42", "falsehood"]) {
      expect((await once(answering(() => new Response(token, {})))).token).toBe(token);
    }
  });

  const NEITHER = "The answer is neither JSON nor a token as text/plain.";
  const NO_TOKEN = 'No token in the answer. Send { "token": "…" }.';
  const CUT_OFF = "The answer is not valid JSON. Was it cut off?";
  const EMPTY = "The answer is empty.";

  it.each([
    ["application/jsonp", "t", NEITHER],
    ["text/html", "t", NEITHER],
    ["text/html", "<p>", NEITHER],
    ["text/html", "[<p>", CUT_OFF],
    ["application/octet-stream", "t", NEITHER],
    ["application/json", "", EMPTY],
    ["text/plain", "  ", EMPTY],
    ["application/json", '{"token":', CUT_OFF],
    ["application/json", "t", CUT_OFF],
    ["text/plain", "null", NO_TOKEN],
    ["text/plain", "true", NO_TOKEN],
    ["text/plain", "undefined", CUT_OFF],
    ["", "NaN", CUT_OFF],
    ["application/json", '{"token":""}', NO_TOKEN],
    ["application/json", '{"token":{}}', NO_TOKEN],
  ])("of the type %j says what is wrong with it: %j", async (type, text, message) => {
    const headers = { "content-type": type };
    const error = await failureWith(() => new Response(text, { headers }));
    expect(error).toMatchObject({
      code: "ERR_INVALID_RESPONSE",
      message: `${message} Content type: ${type || "none"}. URL: ${error.url}`,
      contentType: type || undefined,
    });
    expect(error.url).toMatch(/\/token$/);
    expect("cause" in error).toBe(false);
  });

  it("behind a redirect is a sign-in page, or an invalid response like any other", async () => {
    const behind = (text: string, type: string) =>
      failureWith(() =>
        Object.defineProperty(new Response(text, { headers: { "content-type": type } }), "redirected", {
          value: true,
        }),
      );
    for (const [text, type] of [
      ["<form>", "text/html"],
      ["<form method=post>", "text/plain"],
      ["<html>", "application/xhtml+xml"],
      ["Sign in", "text/html; charset=utf-8"],
      ["", "text/html"],
    ] as const) {
      expect(await behind(text, type)).toMatchObject({ code: "ERR_UNAUTHENTICATED" });
    }
    for (const [text, type] of [
      ["", "text/plain"],
      ["[", "text/html"],
      ["t", "application/octet-stream"],
    ] as const) {
      expect(await behind(text, type)).toMatchObject({ code: "ERR_INVALID_RESPONSE" });
    }
  });

  it.each(["10", "1048576"])("with a small Content-Length (%s bytes) is read at once", async (length) => {
    const response = Response.json({ token: "t" }, { headers: { "content-length": length } });
    const read = vi.spyOn(response, "text");
    expect((await once(answering(() => response))).token).toBe("t");
    expect(read).toHaveBeenCalledTimes(1);
  });

  it.each([
    ["1048577", undefined],
    ["many", undefined],
    [undefined, undefined],
    ["10", "gzip"],
  ])("of %s bytes, encoded as %s, is read in chunks", async (length, encoding) => {
    const headers = {
      ...(length && { "content-length": length }),
      ...(encoding && { "content-encoding": encoding }),
    };
    const response = Response.json({ token: "t" }, { headers });
    const read = vi.spyOn(response, "text");
    expect((await once(answering(() => response))).token).toBe("t");
    expect(read).not.toHaveBeenCalled();
  });

  it("that is longer than its Content-Length is refused as well", async () => {
    const headers = { ...json, "content-length": "10" };
    const error = await failureWith(() => new Response(`"${"x".repeat(1_048_576)}"`, { headers }));
    expect(error.message).toMatch(/^The answer is longer than 1 MiB/);
  });
});

describe("an attempt", () => {
  const attempt = once;
  const asking = (get: (context: SourceContext) => Promise<Answer>): Source => ({
    ask: ({ context }) => get(context),
  });
  /** An endpoint that answers t1, t2, t3 … after these durations. */
  function slow(...durations: (() => Promise<unknown>)[]) {
    let n = 0;
    return endpointSource("/token", {}, async () => {
      await durations[n++]?.();
      return Response.json({ token: `t${n}` });
    });
  }
  const wait = (duration: number) => () => new Promise((resolve) => setTimeout(resolve, duration));

  it("ends at its timeout, and the source's signal is aborted", async () => {
    let seen: AbortSignal | undefined;
    const caught = attempt(
      asking(({ signal }) => {
        seen = signal;
        return new Promise(() => {});
      }),
    ).catch((error) => error);
    await advance(10 * SECOND - 1);
    expect(seen?.aborted).toBe(false);
    await advance(1);
    expect(await caught).toMatchObject({
      code: "ERR_TIMEOUT",
      message: "No complete answer within 10000 ms. See requestTimeout.",
    });
    expect(seen?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("names the endpoint that did not answer", async () => {
    const caught = attempt(endpointSource("/token?who=me", {}, () => new Promise(() => {}))).catch((e) => e);
    await advance(10 * SECOND);
    expect(await caught).toMatchObject({ code: "ERR_TIMEOUT", url: expect.stringMatching(/\/token$/) });
  });

  it("leaves no timer behind when it is aborted, even if the source ignores its signal", async () => {
    const controller = new AbortController();
    const never = asking(() => new Promise(() => {}));
    const caught = attempt(never, 10 * SECOND, controller.signal).catch((error) => error);
    abort(controller, "disposed");
    expect(await caught).toBe("disposed");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("accepts an answer that arrives in time", async () => {
    const answer = attempt(slow(wait(9 * SECOND)));
    await advance(9 * SECOND);
    expect(await answer).toEqual({ token: "t1" });
  });

  const sleeps = async () => void vi.setSystemTime(Date.now() + 1001);

  it("asks again if the machine slept during the request", async () => {
    expect(await attempt(slow(sleeps))).toEqual({ token: "t2" });
    const dozes = async () => void vi.setSystemTime(Date.now() + 1000);
    expect(await attempt(slow(dozes))).toEqual({ token: "t1" });
  });

  it("asks again if the page and its timers were frozen during the request", async () => {
    const now = vi.spyOn(performance, "now");
    const frozen = (duration: number) => async () => {
      const before = performance.now();
      vi.setSystemTime(Date.now() + duration);
      now.mockReturnValue(before + duration);
    };
    expect(await attempt(slow(frozen(11_001)))).toEqual({ token: "t2" });
    expect(await attempt(slow(frozen(11_000)))).toEqual({ token: "t1" });
    now.mockRestore();
  });

  it("asks again only once: if the endpoint is late again, the attempt times out", async () => {
    const durations = Array.from({ length: 10 }, () => vi.fn(sleeps));
    await expect(attempt(slow(...durations))).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    expect(durations.map((each) => each.mock.calls.length)).toEqual([1, 1, ...Array(8).fill(0)]);
  });

  it("does not ask again after its timeout", async () => {
    const fetch = vi.fn(async () => {
      await wait(12 * SECOND)();
      return Response.json({ token: "t" });
    });
    const caught = attempt(endpointSource("/token", {}, fetch)).catch((error) => error);
    await advance(60 * SECOND);
    expect(await caught).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it("rejects with the reason of its signal, and stops listening", async () => {
    const controller = new AbortController();
    const remove = vi.spyOn(controller.signal, "removeEventListener");
    const done = attempt(
      asking(async () => ({ token: "t" })),
      SECOND,
      controller.signal,
    );
    await done;
    await advance(0);
    expect(remove).toHaveBeenCalledWith("abort", expect.anything());
    const never = asking(() => new Promise(() => {}));
    const waiting = attempt(never, SECOND, controller.signal).catch((error) => error);
    const reason = new CubeTokenError("ERR_CLEARED", "x");
    abort(controller, reason);
    expect(await waiting).toBe(reason);
  });

  it("passes on the refused token, if there is one", async () => {
    const contexts: object[] = [];
    const source = asking(async (context) => {
      contexts.push(context);
      return { token: "t" };
    });
    await once(source);
    await once(source, SECOND, signal, "refused");
    expect(contexts.map((context) => ({ ...context, signal: undefined }))).toEqual([
      { signal: undefined },
      { signal: undefined, rejectedToken: "refused" },
    ]);
  });

  it("keeps what fetch throws as the cause, and a CubeTokenError unchanged", async () => {
    const failing = (error: Error) =>
      endpointSource("https://a.example/token", {}, () => Promise.reject(error));
    const own = new CubeTokenError("ERR_UNAUTHENTICATED", "x");
    await expect(attempt(failing(own))).rejects.toBe(own);
    const cause = new TypeError("Failed to fetch");
    await expect(attempt(failing(cause))).rejects.toMatchObject({
      code: "ERR_NETWORK",
      message: "The request to https://a.example/token failed: offline, CORS, or see the cause.",
      url: "https://a.example/token",
      cause,
    });
  });
});

describe("an error", () => {
  it("has the given members, and nothing else", () => {
    expect({ ...new CubeTokenError("ERR_NETWORK", "x") }).toEqual({
      name: "CubeTokenError",
      code: "ERR_NETWORK",
      status: undefined,
      retryAfter: undefined,
    });
    expect({ ...new CubeTokenError("ERR_HTTP_STATUS", "x", { status: 503, retryAfter: 0 }) }).toMatchObject({
      status: 503,
      retryAfter: 0,
    });
  });

  it("without its cause is otherwise equal, and the same object if it has none", () => {
    const about = { status: 503, retryAfter: 5, url: "https://a.example/token", contentType: "text/html" };
    const error = new CubeTokenError("ERR_HTTP_STATUS", "x", { ...about, cause: new Error("secret") });
    const clean = withoutCause(error);
    expect({ ...clean, message: clean.message }).toEqual({ ...error, message: "x" });
    expect(clean).toMatchObject({ code: "ERR_HTTP_STATUS", ...about });
    expect(clean).toBeInstanceOf(CubeTokenError);
    expect("cause" in clean).toBe(false);
    expect(error.cause).toBeDefined();
    expect(withoutCause(clean)).toBe(clean);
  });

  it("is recognized by its name and its code", () => {
    const foreign = Object.assign(new Error("x"), { name: "CubeTokenError", code: "ERR_NETWORK" });
    expect(isCubeTokenError(foreign)).toBe(true);
    expect(isCubeTokenError(new CubeTokenError("ERR_NETWORK", "x"))).toBe(true);
    expect(isCubeTokenError(Object.assign(new Error("x"), { code: "ERR_NETWORK" }))).toBe(false);
    expect(isCubeTokenError(Object.assign(new Error("x"), { name: "CubeTokenError" }))).toBe(false);
    expect(isCubeTokenError({ name: "CubeTokenError", code: "ERR_NETWORK" })).toBe(false);
    expect(isCubeTokenError(undefined)).toBe(false);
  });
});

describe("a token", () => {
  it("has its claims", () => {
    expect(readToken(jwt({ sub: "ada" }))).toEqual({ value: jwt({ sub: "ada" }), claims: { sub: "ada" } });
    expect(readToken(jwt({ iat: 100, exp: 200, nbf: 150 }))).toMatchObject({
      iat: 100_000,
      exp: 200_000,
      nbf: 150_000,
    });
  });

  it("can contain all characters of base64url and of ASCII", () => {
    const text = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).join("");
    const token = jwt({ text, end: "~?~?~" });
    expect(token).toMatch(/\..*-.*_|\..*_.*-/);
    expect(readToken(token).claims).toEqual({ text, end: "~?~?~" });
  });

  it("has no iat if that is absurd", () => {
    expect(readToken(jwt({ iat: 8.64e12 })).iat).toBeUndefined();
    expect(readToken(jwt({ iat: 8.63e12 }))).toHaveProperty("iat", 8.63e15);
    expect(readToken(jwt({ iat: "100" })).iat).toBeUndefined();
  });

  it.each(["exp", "nbf"])("has a %s within the range of a Date", (name) => {
    for (const [seconds, expected] of [
      ["1e308", 8.64e15],
      ["1e999", 8.64e15],
      ["-1e308", -8.64e15],
      ["9007199254740992", 8.64e15],
      ["1772366400000", 1_772_366_400_000_000],
      ["-0", -0],
      ["1.5", 1500],
    ] as const) {
      const claims = btoa(`{"${name}":${seconds}}`).replace(/=+$/, "");
      expect(readToken(`eyJhbGciOiJIUzI1NiJ9.${claims}.c2ln`)).toHaveProperty(name, expected);
    }
  });

  it.each(["exp", "nbf"])("names the claim that is not a number: %s", (name) => {
    for (const value of [null, true, [], {}, "NaN"]) {
      expect(() => readToken(jwt({ [name]: value }))).toThrow(`"${name}" must be a number of seconds`);
    }
    expect(() => readToken(jwt({ [name]: "100" }))).toThrow(
      `"${name}" must be a number of seconds (RFC 7519).`,
    );
  });
});

describe("a stored record", () => {
  const record = { token: "t", at: 1, ahead: 0, draw: 0, madeAt: 1, since: 1 };

  it("is read as it was written", () => {
    expect(readRecord(writeRecord(record))).toEqual({ v: 1, ...record });
    const whole = { ...record, draw: 2, expiresAt: 5, identity: "ada" };
    expect(readRecord(writeRecord(whole))).toEqual({ v: 1, ...whole });
  });

  it.each([
    null,
    "",
    "{",
    "null",
    "1",
    JSON.stringify(record),
    JSON.stringify({ v: 2, ...record }),
    JSON.stringify({ v: 1, ...record, token: 1 }),
    JSON.stringify({ v: 1, ...record, draw: -0.1 }),
    JSON.stringify({ v: 1, ...record, draw: 2.1 }),
    JSON.stringify({ v: 1, ...record, at: 5, ahead: -6 }),
    JSON.stringify({ v: 1, ...record, identity: 1 }),
    ...["at", "ahead", "draw", "madeAt", "since", "expiresAt"].map((name) =>
      JSON.stringify({ v: 1, ...record, [name]: "1" }),
    ),
  ])("is ignored if it is invalid: %j", (text) => {
    expect(readRecord(text)).toBeUndefined();
  });

  it("was requested before it came, or before now if the clock was set back", () => {
    const asked = (since: number, wall?: number) =>
      readRecord(JSON.stringify({ v: 1, ...record, at: 5000, since }), wall) !== undefined;
    expect([5000, 5001].map((since) => asked(since, 0))).toEqual([true, false]);
    expect([8000, 8001].map((since) => asked(since, 7000))).toEqual([true, false]);
    expect(asked(1e12)).toBe(true);
  });
});

describe("a message between tabs", () => {
  const sender = { v: 1, age: 1, at: 1 };
  const failed = { ...sender, type: "failed", failures: 1, wait: 1, code: "ERR_NETWORK" };

  it.each([
    ...["started", "refreshed", "cleared"].map((type) => ({ ...sender, type })),
    { ...sender, type: "cleared", identity: "ada" },
    failed,
    { ...failed, status: 503, retryAfter: 0, draw: 0.5 },
    { ...sender, type: "invalidated", failures: 0, wait: 0, draw: 1 },
  ])("is accepted: %j", (data) => {
    expect(readNews(data)).toBe(data);
  });

  it.each([
    undefined,
    null,
    "started",
    {},
    { ...sender, type: "other" },
    { ...sender, v: 2, type: "started" },
    { ...sender, type: "started", age: "1" },
    { ...sender, type: "started", at: -1 },
    { ...sender, type: "started", at: Number.NaN },
    { ...sender, type: "started", identity: 1 },
    { ...failed, failures: undefined },
    { ...failed, wait: "1" },
    { ...failed, wait: Number.POSITIVE_INFINITY },
    { ...failed, status: "503" },
    { ...failed, retryAfter: -1 },
    { ...failed, draw: null },
    { ...failed, code: undefined },
    { ...failed, code: "ERR_x" },
    { ...failed, code: "xERR_NETWORK" },
    { ...failed, code: "ERR_NETWORK!" },
    { ...sender, type: "invalidated", failures: 1 },
    { ...sender, type: "invalidated", wait: 1 },
  ])("is ignored if it is invalid: %j", (data) => {
    expect(readNews(data)).toBeUndefined();
  });

  it("of a failure becomes an error of this tab", () => {
    const error = failureOf({
      type: "failed",
      failures: 1,
      wait: 1,
      code: "ERR_HTTP_STATUS",
      status: 503,
      retryAfter: 9,
    });
    expect(error).toMatchObject({ code: "ERR_HTTP_STATUS", status: 503, retryAfter: 9 });
    expect(error.message).toBe("Another tab's token request failed (ERR_HTTP_STATUS): see the error there.");
  });
});
