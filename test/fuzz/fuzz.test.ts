import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, it, vi } from "vitest";
import { readToken, securityContext } from "../../src/core/token.js";
import { CubeTokenError, CubeTokenManager, customStorage, tokenFromCookies } from "../../src/index.js";
import { readRecord } from "../../src/storage/record.js";
import { readNews } from "../../src/tabs/messages.js";
import { jwt } from "../support/jwt.js";
import { USER_AGENT } from "../support/tabs.js";

/*
 * Everything that parses untrusted input, with 125,000 inputs by shape and 75,000 by range: only CubeTokenErrors are
 * thrown, and no message contains a token.
 */

afterEach(() => vi.unstubAllGlobals());

/** A marker in every input that could be a secret: no error, event or message may contain it. */
const SECRET = "s3cr3tS3cr3t";
/** The manager's clock stands still here. */
/** These tests run for minutes by the real clock: a valid token outlives them. */
const NOW = Math.floor(Date.now() / 1000);

const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -1, 1e308, NOW, NOW + 300, NOW - 300));
const claims = fc.dictionary(
  fc.constantFrom("exp", "iat", "nbf", "sub", "u", "__proto__", "constructor", "toString"),
  fc.oneof(number, fc.jsonValue()),
);
const goodToken = fc
  .record({ exp: fc.integer({ min: NOW + 7200, max: NOW + 1e6 }), iat: fc.constant(NOW) })
  .map((claims) => jwt(claims, SECRET));
const bytes = fc.string({ unit: "binary", maxLength: 60 });
/** From valid input to nothing like it. */
const token = fc.oneof(
  goodToken,
  claims.map((claims) => jwt(claims, SECRET)),
  fc.jsonValue().map((claims) => jwt(claims, SECRET)),
  bytes.map((text) => `eyJ${text}.${SECRET}`),
  fc.tuple(bytes, bytes).map(([a, b]) => `${a}.${Buffer.from(b).toString("base64url")}.${SECRET}`),
  bytes.map((text) => text + SECRET),
  fc.stringMatching(/^[\w\-.~+/]{0,40}=*$/).map((text) => `${text}${SECRET}`),
  bytes,
);
const cut = (text: string, at: number) => text.slice(0, Math.floor(at * text.length));
const share = fc.double({ min: 0, max: 1, noNaN: true });

function expectClean(error: unknown) {
  assert(error instanceof CubeTokenError);
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    assert(!`${each.message}${each.stack}`.includes(SECRET));
  }
}

/** What may be sent in a header as a token. */
const TOKEN = /^[!-~]+$/;

async function expectTokenOrError(promise: Promise<string>) {
  try {
    const got = await promise;
    assert(got === "" || TOKEN.test(got));
  } catch (error) {
    expectClean(error);
  }
}

/** Observes a manager during `work`: its events and its snapshots contain no token. */
async function watched(
  options: object,
  work: (tokens: CubeTokenManager) => Promise<void>,
): Promise<CubeTokenManager> {
  const tokens = new CubeTokenManager({
    retries: 0,
    autoRefresh: false,
    ...options,
  } as ConstructorParameters<typeof CubeTokenManager>[0]);
  tokens.subscribe((event) => assert(!JSON.stringify(event).includes(SECRET)));
  try {
    await work(tokens);
    const { claims: _, error, ...snapshot } = tokens.getSnapshot();
    assert(!JSON.stringify(snapshot).includes(SECRET));
    if (error) expectClean(error);
    tokens.securityContext();
    tokens.securityContext({ claimsNamespace: "u" });
  } finally {
    tokens.dispose();
  }
  return tokens;
}

/** Weak references are released only between tasks: without an occasional break, memory fills up. */
async function breathe() {
  if (++runs % 100 === 0) await new Promise(setImmediate);
}
let runs = 0;

it("tokens: 30,000 of them", () => {
  fc.assert(
    fc.property(token, share, fc.boolean(), (text, at, isCut) => {
      const value = isCut ? cut(text, at) : text;
      try {
        const read = readToken(value);
        assert(TOKEN.test(read.value));
        for (const instant of [read.exp, read.nbf, read.iat]) {
          if (instant !== undefined) assert(!Number.isNaN(instant));
        }
        if (read.claims) {
          assert(Object.isFrozen(read.claims));
          securityContext(read.claims);
          securityContext(read.claims, "u");
        }
      } catch (error) {
        expectClean(error);
      }
    }),
    { numRuns: 30_000 },
  );
});

it("answers of an endpoint: 25,000 of them", async () => {
  const seconds = fc.oneof(number, fc.constantFrom("300", "", "x", null, {}, [], true, "Infinity"));
  const body = fc.oneof(
    token,
    token.map((token) => JSON.stringify(token)),
    fc
      .tuple(token, seconds)
      .map(([token, expires_in]) => JSON.stringify({ access_token: token, expires_in })),
    fc.tuple(token, seconds).map(([accessToken, expiresIn]) => JSON.stringify({ accessToken, expiresIn })),
    token.map((token) => JSON.stringify({ token })),
    fc.json().map((text) => text),
    fc
      .dictionary(fc.constantFrom("token", "access_token", "accessToken", "__proto__"), fc.jsonValue())
      .map((value) => JSON.stringify(value)),
    bytes.map((text) => `<html>${SECRET}${text}`),
  );
  const type = fc.constantFrom(
    "application/json",
    "text/plain",
    "text/html",
    "",
    "application/problem+json; charset=x",
    "application/JSON;",
    "text/plain;charset=utf-16",
  );
  const header = fc.oneof(
    fc.constantFrom("0", "-1", "3", "1e9", "Infinity", "NaN", new Date().toUTCString(), "Thu, 01 Jan 1970"),
    fc.stringMatching(/^[ -~]{0,20}$/),
  );
  const status = fc.oneof(fc.constant(200), fc.integer({ min: 200, max: 599 }));
  await fc.assert(
    fc
      .asyncProperty(
        body,
        share,
        fc.boolean(),
        type,
        status,
        fc.dictionary(fc.constantFrom("date", "age", "retry-after"), header),
        async (text, at, isCut, type, status, headers) => {
          const isEmpty = [204, 205, 304].includes(status);
          const fetch = async () =>
            new Response(isEmpty ? null : isCut ? cut(text, at) : text, {
              status,
              headers: { ...(type && { "content-type": type }), ...headers },
            });
          await watched({ endpoint: "/token", fetch }, (tokens) => expectTokenOrError(tokens.getToken()));
        },
      )
      .beforeEach(breathe),
    { numRuns: 25_000 },
  );
});

it("answers of fetchToken: 15,000 of them", async () => {
  const answer = fc.oneof(
    token,
    fc.record({ token, expires_in: fc.oneof(number, fc.jsonValue()) }, { requiredKeys: [] }),
    fc.anything(),
  );
  await fc.assert(
    fc
      .asyncProperty(answer, async (answer) => {
        await watched({ fetchToken: async () => answer }, (tokens) => expectTokenOrError(tokens.getToken()));
      })
      .beforeEach(breathe),
    { numRuns: 15_000 },
  );
});

it("stored values: 20,000 of them", async () => {
  const fields = {
    v: fc.oneof(fc.constant(1), number),
    token,
    at: fc.oneof(fc.constant(NOW * 1000), number),
    ahead: fc.oneof(fc.constant(0), number),
    draw: fc.oneof(fc.constant(0.5), number),
    madeAt: fc.oneof(fc.constant(0), number),
    since: fc.oneof(fc.constant(0), number),
  };
  const stored = fc.oneof(
    bytes,
    fc.json(),
    fc
      .tuple(
        fc.record(fields),
        fc.dictionary(fc.constantFrom(...Object.keys(fields), "identity", "expiresAt"), fc.jsonValue()),
      )
      .map(([record, wrong]) => JSON.stringify({ ...record, ...wrong })),
    fc.record(fields).map((record) => JSON.stringify(record)),
  );
  const good = jwt({ exp: NOW + 86_400, iat: NOW }, SECRET);
  await fc.assert(
    fc
      .asyncProperty(stored, share, fc.boolean(), async (text, at, isCut) => {
        const value = isCut ? cut(text, at) : text;
        readRecord(value);
        const storage = customStorage({ getItem: () => value, setItem() {}, removeItem() {} });
        await watched({ fetchToken: async () => good, storage, storageKey: "k" }, async (tokens) => {
          // With a healthy source there is always a token, and never garbage.
          const got = await tokens.getToken();
          if (got !== good) assert.equal(got, readRecord(value)?.token);
          assert(TOKEN.test(got));
        });
      })
      .beforeEach(breathe),
    { numRuns: 20_000 },
  );
});

it("cookies: 20,000 headers", () => {
  const pair = fc
    .tuple(fc.constantFrom("cube.token", "cube.token+1", "cube.token+01", "other", ""), bytes, token)
    .map(([name, text, token]) => `${name}=${text}${encodeURIComponent(JSON.stringify({ v: 1, token }))}`);
  const header = fc.oneof(
    bytes,
    fc.array(pair, { maxLength: 4 }).map((pairs) => pairs.join("; ")),
    fc
      .tuple(fc.integer({ min: -1, max: 1e9 }), bytes, bytes)
      .map(([count, sum, text]) => `cube.token=${count}.${sum}.${text}`),
  );
  fc.assert(
    fc.property(header, (header) => {
      const got = tokenFromCookies(header, { storageKey: "cube.token" });
      if (got !== undefined) assert(TOKEN.test(got));
    }),
    { numRuns: 20_000 },
  );
});

it("broadcasts: 15,000 of them", async () => {
  // The globals of a tab.
  vi.stubGlobal("document", {});
  vi.stubGlobal("navigator", { userAgent: USER_AGENT });
  const channels = new Set<{ onmessage: ((event: { data: unknown }) => void) | undefined }>();
  vi.stubGlobal(
    "BroadcastChannel",
    class {
      onmessage = undefined;
      constructor() {
        channels.add(this);
      }
      postMessage(data: unknown) {
        assert(!JSON.stringify(data).includes(SECRET));
      }
      close() {
        channels.delete(this);
      }
    },
  );
  const right = fc.record({
    v: fc.constant(1),
    type: fc.constantFrom("started", "refreshed", "unchanged", "cleared", "failed", "invalidated"),
    age: fc.nat(1000),
    at: fc.constant(NOW * 1000),
    failures: fc.nat(20),
    wait: fc.nat(30_000),
    draw: fc.double({ min: 0, max: 1, noNaN: true }),
    code: fc.constantFrom("ERR_NETWORK", "ERR_HTTP_STATUS"),
    status: fc.constant(503),
    retryAfter: fc.nat(9000),
    identity: fc.constant("ada"),
  });
  const names = [
    "v",
    "type",
    "age",
    "at",
    "failures",
    "wait",
    "draw",
    "code",
    "status",
    "retryAfter",
  ] as const;
  const wrong = fc.dictionary(
    fc.constantFrom(...names, "identity"),
    fc.oneof(
      number,
      fc.constantFrom(SECRET, `ERR_${SECRET}`, "ERR_", undefined, null, "grace"),
      fc.anything(),
    ),
    { maxKeys: 2 },
  );
  const like = fc.tuple(right, wrong).map(([right, wrong]) => ({ ...right, ...wrong }));
  const good = jwt({ exp: NOW + 86_400, iat: NOW }, SECRET);
  const storage = customStorage({ getItem: () => null, setItem() {}, removeItem() {} }, { shared: true });
  await fc.assert(
    fc
      .asyncProperty(fc.oneof(like, fc.anything()), async (data) => {
        readNews(data);
        await watched(
          { fetchToken: async () => good, storage, storageKey: "cube.token", identity: "ada" },
          async (tokens) => {
            await tokens.getToken();
            assert(channels.size > 0);
            for (const channel of channels) channel.onmessage?.({ data });
            const { error } = tokens.getSnapshot();
            if (error) {
              expectClean(error);
              const numbers = [error.status ?? 0, error.retryAfter ?? 0];
              assert(/^ERR_[A-Z_]+$/.test(error.code) && numbers.every((value) => value >= 0));
            }
            // Signed out by a legitimate message, or unaffected.
            await expectTokenOrError(tokens.getToken());
          },
        );
      })
      .beforeEach(breathe),
    { numRuns: 15_000 },
  );
});
