// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { CubeTokenError, type FetchWithTokensOptions, withTokens } from "../../src/index.js";
import { Provider } from "../support/provider.js";
import "../support/setup.js";

const API = "https://cube.example/cubejs-api";

let tokens: Provider;
beforeEach(() => {
  tokens = new Provider();
});

interface Sent {
  url: string;
  token: string | null;
  init: RequestInit | undefined;
  body: string;
  request: Request;
}

/** A `fetch` that answers as a test says and records its calls. */
function fakeFetch(
  reply: (sent: Sent, n: number) => Response | Promise<Response> = () => new Response("{}"),
) {
  const sent: Sent[] = [];
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    if (request.signal.aborted) throw request.signal.reason;
    const { url, headers } = request;
    const entry = { url, token: headers.get("authorization"), init, body: await request.text(), request };
    sent.push(entry);
    return reply(entry, sent.length);
  };
  return { fetch, sent };
}

const make = (options: Partial<FetchWithTokensOptions> = {}, reply?: Parameters<typeof fakeFetch>[0]) => {
  const { fetch, sent } = fakeFetch(reply);
  return { fetch: withTokens(fetch, tokens, { url: API, ...options }), sent };
};

const forbidden = (error = "Invalid token") => Response.json({ error }, { status: 403 });
const refuseFirst = (_: Sent, n: number) => (n > 1 ? new Response("yes") : forbidden());

describe("where the token of withTokens(fetch) goes", () => {
  const carries = async (url: string | URL, input: RequestInfo | URL) => {
    const { fetch, sent } = make({ url });
    await fetch(input);
    expect(sent).toHaveLength(1);
    return sent[0]!.token === "t1";
  };

  it.each<[url: string, input: string, carried: boolean]>([
    // The path and everything below it.
    [API, API, true],
    [API, `${API}/`, true],
    [API, `${API}/v1/load`, true],
    [API, `${API}?query={}`, true],
    [API, `${API}#x`, true],
    [API, `${API}/v1/a%2Fb`, true],
    [API, `${API}//v1`, true],
    [API, `${API}/v1/...`, true],
    [`${API}/`, `${API}/v1`, true],
    [`${API}/`, API, true],
    [`${API}?x=1#y`, `${API}/v1`, true],
    ["https://cube.example", "https://cube.example/", true],
    ["https://cube.example", "https://cube.example/anything", true],
    ["https://cube.example:443/cubejs-api", `${API}/v1`, true],
    [API, "HTTPS://CUBE.example:443/cubejs-api/v1", true],
    [API, "https://cube.example/other/../cubejs-api/v1", true],
    [API, "https:\\\\cube.example\\cubejs-api\\v1", true],
    // Another path, even with the same beginning.
    [API, `${API}X`, false],
    [API, `${API}-v2/load`, false],
    [API, "https://cube.example/", false],
    [API, "https://cube.example/x/cubejs-api", false],
    [API, "https://cube.example/CUBEJS-API/v1", false],
    [API, "https://cube.example/?/cubejs-api/", false],
    [API, "https://cube.example//cubejs-api/v1", false],
    // Paths that leave it, in each spelling that some server follows.
    [API, `${API}/..`, false],
    [API, `${API}/../admin`, false],
    [API, `${API}/v1/../../admin`, false],
    [API, `${API}/%2e%2e/admin`, false],
    [API, `${API}/.%2E/admin`, false],
    [API, `${API}\\..\\admin`, false],
    [API, `${API}/..%2fadmin`, false],
    [API, `${API}/v1%2f..%2f..%2fadmin`, false],
    [API, `${API}/..%5Cadmin`, false],
    [API, `${API}/%252e%252e%252fadmin`, false],
    [API, `${API}/v1/%2e%2e%2fadmin`, false],
    [API, `${API}/..;/admin`, false],
    [API, `${API}/..%3b/admin`, false],
    [API, `${API}%2fv1`, false],
    // Another origin.
    [API, "http://cube.example/cubejs-api/v1", false],
    [API, "https://cube.example:8443/cubejs-api/v1", false],
    [API, "https://cube.example./cubejs-api/v1", false],
    [API, "https://cube.example.evil.test/cubejs-api/v1", false],
    [API, "https://evil.test/cubejs-api/v1", false],
    [API, "https://evil.test/https://cube.example/cubejs-api", false],
    [API, "https://sub.cube.example/cubejs-api/v1", false],
    [API, "https://evil.test\\@cube.example/cubejs-api/v1", false],
    [API, "https://evil.test#@cube.example/cubejs-api/v1", false],
    [API, "data:,https://cube.example/cubejs-api/v1", false],
    ["http://[::1]:4000/cubejs-api", "http://[::1]:4000/cubejs-api/v1", true],
    ["http://[::1]:4000/cubejs-api", "http://[::1]:40/cubejs-api/v1", false],
  ])("%s, %s: %s", async (url, input, carried) => {
    expect(await carries(url, input)).toBe(carried);
    expect(await carries(new URL(url), new Request(input))).toBe(carried);
  });

  it("a URL with credentials passes through, and fetch itself refuses it", async () => {
    const seen: RequestInit[] = [];
    const fetch = withTokens(
      async (_, init) => {
        seen.push(init!);
        return new Response();
      },
      tokens,
      { url: API },
    );
    for (const user of ["user@", "user:pass@", "cube.example@", "cube.example:443@"]) {
      await fetch(`https://${user}cube.example/cubejs-api/v1`);
    }
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("a relative URL is resolved against the page, and sent as a full URL", async () => {
    vi.stubGlobal("location", { href: "https://cube.example/app/page?x" });
    expect(await carries("/cubejs-api", "/cubejs-api/v1")).toBe(true);
    expect(await carries("../cubejs-api", "/cubejs-api/v1")).toBe(true);
    const inner = vi.fn(async () => new Response());
    await withTokens(inner, tokens, { url: API })("//evil.test/cubejs-api");
    expect(inner.mock.calls).toEqual([["//evil.test/cubejs-api", undefined]]);
    vi.stubGlobal("document", { baseURI: "https://cdn.test/" });
    const { fetch, sent } = make({ url: API });
    const outcome = fetch("/cubejs-api/v1");
    // The page's base makes it another origin; Node's own `fetch` ignores the base.
    await expect(outcome).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });

  it("a request elsewhere is passed on unchanged", async () => {
    const inner = vi.fn(async () => new Response());
    const fetch = withTokens(inner, tokens, { url: API });
    const init = { headers: { authorization: "mine" } };
    const request = new Request("https://other.example/");
    await fetch("https://other.example/", init);
    await fetch(request);
    expect(inner.mock.calls).toEqual([
      ["https://other.example/", init],
      [request, undefined],
    ]);
    expect(tokens.asked).toEqual([]);
  });

  it("follows no redirect with the token, whatever the caller sets", async () => {
    const { fetch, sent } = make();
    await fetch(API, { redirect: "follow" });
    await fetch(new Request(API, { redirect: "manual" }));
    expect(sent.map(({ request }) => request.redirect)).toEqual(["error", "error"]);
  });
});

describe('without support for redirect: "error", as on Cloudflare Workers', () => {
  beforeEach(() => {
    const Native = Request;
    vi.stubGlobal(
      "Request",
      class extends Native {
        constructor(input: RequestInfo | URL, init?: RequestInit) {
          if (init?.redirect === "error") throw new TypeError('must be one of "follow" or "manual"');
          super(input, init);
        }
      },
    );
  });

  it("sends the request and follows no redirect", async () => {
    const { fetch, sent } = make();
    expect((await fetch(API, { redirect: "follow" })).status).toBe(200);
    expect((await fetch(new Request(API, { method: "POST", body: "x" }))).status).toBe(200);
    expect(sent.map(({ token, request }) => [token, request.redirect])).toEqual(
      Array(2).fill(["t1", "manual"]),
    );
  });

  it.each([301, 302, 303, 307, 308])("fails on status %i, as fetch does elsewhere", async (status) => {
    const headers = { location: "https://evil.example/" };
    const { fetch, sent } = make({}, () => new Response(null, { status, headers }));
    await expect(fetch(API)).rejects.toThrow(TypeError);
    expect(sent).toHaveLength(1);
    expect(tokens.invalidated).toEqual([]);
  });

  it.each([300, 304])("returns the answer for status %i", async (status) => {
    const { fetch } = make({}, () => new Response(null, { status }));
    expect((await fetch(API)).status).toBe(status);
  });
});

describe("how it is sent", () => {
  it.each<[Partial<FetchWithTokensOptions>, name: string, value: string]>([
    [{}, "authorization", "t1"],
    [{ scheme: "Bearer" }, "authorization", "Bearer t1"],
    [{ header: "X-Cube-Authorization" }, "x-cube-authorization", "t1"],
    [{ header: "x-token", scheme: "Api-Key" }, "x-token", "Api-Key t1"],
  ])("%j", async (options, name, value) => {
    const { fetch, sent } = make(options);
    await fetch(API);
    expect(Object.fromEntries(sent[0]!.request.headers)).toEqual({ [name]: value });
  });

  it("the caller's method, body, headers and other members are kept, in init and in a Request", async () => {
    const { fetch, sent } = make();
    const init = { method: "POST", body: "{}", headers: { "content-type": "application/json", "x-id": "1" } };
    await fetch(API, { ...init, cache: "no-store" });
    await fetch(new Request(API, { ...init, credentials: "include" }));
    await fetch(new Request(API, init), { headers: { "x-other": "2" } });
    for (const { request, body } of sent) expect([request.method, body]).toEqual(["POST", "{}"]);
    const headers = sent.map(({ request }) => Object.fromEntries(request.headers));
    expect(headers.slice(0, 2)).toEqual([
      { "content-type": "application/json", "x-id": "1", authorization: "t1" },
      { "content-type": "application/json", "x-id": "1", authorization: "t1" },
    ]);
    // As in fetch: the headers of init replace those of the request.
    expect(headers[2]).toMatchObject({ "x-other": "2", authorization: "t1" });
    expect(headers[2]).not.toHaveProperty("x-id");
    expect(sent[0]!.request.cache).toBe("no-store");
    expect(sent[1]!.request.credentials).toBe("include");
  });

  it.each<[string, () => RequestInit]>([
    [
      "another Request",
      () => new Request(`${API}/other`, { method: "PUT", body: "x", headers: { "x-own": "1" } }),
    ],
    [
      "an object with a prototype",
      () => Object.create({ method: "PUT", body: "x", headers: { "x-own": "1" } }),
    ],
  ])("an init may inherit its members: %s", async (_, init) => {
    const { fetch, sent } = make();
    await fetch(`${API}/v1/load`, init());
    const { url, token, body, request } = sent[0]!;
    expect([url, token, body]).toEqual([`${API}/v1/load`, "t1", "x"]);
    expect([request.method, request.headers.get("x-own")]).toEqual(["PUT", "1"]);
  });

  it("the token replaces the caller's header of that name; others stay", async () => {
    const headers = { Authorization: "Basic Z2F0ZXdheQ==" };
    const first = make();
    await first.fetch(API, { headers });
    expect(first.sent[0]!.token).toBe("t1");
    const second = make({ header: "X-Cube-Authorization" });
    await second.fetch(API, { headers });
    expect(second.sent[0]!.token).toBe("Basic Z2F0ZXdheQ==");
    expect(second.sent[0]!.request.headers.get("x-cube-authorization")).toBe("t1");
    expect(headers).toEqual({ Authorization: "Basic Z2F0ZXdheQ==" });
  });

  it("the empty token of development mode adds no header and leaves redirects alone", async () => {
    vi.spyOn(tokens, "getToken").mockResolvedValue("");
    const { fetch, sent } = make({ scheme: "Bearer" });
    await fetch(API);
    expect([sent[0]!.token, sent[0]!.request.redirect]).toEqual([null, "follow"]);
  });

  it("later changes of the arguments are not sent", async () => {
    let open = () => {};
    tokens.gate = new Promise((go) => {
      open = go;
    });
    const { fetch, sent } = make();
    const url = new URL(API);
    const headers = new Headers({ "x-id": "1" });
    const init: RequestInit = { headers, method: "PUT" };
    const answer = fetch(url, init);
    url.host = "evil.test";
    headers.set("x-id", "2");
    init.method = "DELETE";
    open();
    await answer;
    expect(sent[0]).toMatchObject({ url: API, token: "t1" });
    expect([sent[0]!.request.method, sent[0]!.request.headers.get("x-id")]).toEqual(["PUT", "1"]);
  });
});

describe("a refused token", () => {
  const bytes = new TextEncoder().encode("a=b");
  const form = new FormData();
  form.set("a", "b");
  const bodies: [string, BodyInit | null | undefined][] = [
    ["none", undefined],
    ["null", null],
    ["a string", "a=b"],
    ["an empty string", ""],
    ["URLSearchParams", new URLSearchParams("a=b")],
    ["FormData", form],
    ["a Blob", new Blob(["a=b"])],
    ["an ArrayBuffer", bytes.buffer],
    ["a view", bytes],
    ["a DataView", new DataView(bytes.buffer)],
  ];

  it.each(bodies)("is replaced, and the request repeated once: body %s", async (_, body) => {
    const init = { method: "POST", ...(body !== undefined && { body }) };
    const calls: Parameters<typeof globalThis.fetch>[] = [
      [API, init],
      [new Request(API, init)],
      [new Request(API, { method: "POST" }), init],
    ];
    for (const args of calls) {
      tokens = new Provider();
      const { fetch, sent } = make({}, refuseFirst);
      const answer = await fetch(...args);
      expect(await answer.text()).toBe("yes");
      expect(sent.map(({ token }) => token)).toEqual(["t1", "t2"]);
      expect(tokens.invalidated).toEqual(["t1"]);
      const plain = (text: string) => text.replaceAll(/-+formdata-\S+/g, "");
      expect(plain(sent[1]!.body)).toBe(plain(sent[0]!.body));
      if (body) expect(sent[0]!.body).toMatch(/a=b|name="a"/);
    }
  });

  const stream = () => new Blob(["a=b"]).stream();
  it.each<[string, () => unknown]>([
    ["a stream", stream],
    [
      "a generator",
      async function* () {
        yield bytes;
      },
    ],
  ])("is replaced for the next request where the body is %s", async (_, body) => {
    const { fetch, sent } = make({}, refuseFirst);
    const init = () => ({ method: "POST", body: body(), duplex: "half" }) as unknown as RequestInit;
    const answer = await fetch(API, init());
    expect([answer.status, await answer.json()]).toEqual([403, { error: "Invalid token" }]);
    expect(await (await fetch(API, init())).text()).toBe("yes");
    expect(sent.map(({ token, body }) => [token, body])).toEqual([
      ["t1", "a=b"],
      ["t2", "a=b"],
    ]);
  });

  it.each<[string, () => Response, refused: boolean]>([
    ["401", () => new Response(null, { status: 401 }), true],
    ["403", () => forbidden("Token is expired"), true],
    ["403 without a body", () => new Response(null, { status: 403 }), true],
    ["403 that is not JSON", () => new Response("<html>", { status: 403 }), true],
    ["403 for its scope", () => forbidden("API scope is missing: graphql"), false],
    ["500", () => new Response("x", { status: 500 }), false],
    ["404", () => new Response("x", { status: 404 }), false],
    ["200", () => Response.json({ error: "Invalid token" }), false],
  ])("%s", async (_, reply, refused) => {
    const { fetch, sent } = make({}, reply);
    const expected = await reply().text();
    expect(await (await fetch(API)).text()).toBe(expected);
    expect(sent).toHaveLength(refused ? 2 : 1);
    // Only the first of two refusals counts.
    expect(tokens.invalidated).toEqual(refused ? ["t1"] : []);
  });

  it("returns the refusal if there is no other token", async () => {
    tokens.replaces = false;
    const { fetch, sent } = make({}, () => forbidden());
    expect(await (await fetch(API)).json()).toEqual({ error: "Invalid token" });
    expect(sent).toHaveLength(1);
  });

  it("leaves the decision to isRejected, which reads a clone", async () => {
    const isRejected = async (response: Response) => (await response.text()) === "signature";
    const { fetch, sent } = make({ isRejected }, (_, n) => new Response(n > 1 ? "rows" : "signature"));
    expect(await (await fetch(API)).text()).toBe("rows");
    expect(sent).toHaveLength(2);
    const second = make({ isRejected: () => false }, () => forbidden());
    expect((await second.fetch(API)).status).toBe(403);
    const broken = make({
      isRejected() {
        throw new RangeError("mine");
      },
    });
    await expect(broken.fetch(API)).rejects.toThrow("mine");
  });

  it("cancels the unread body of the refusal", async () => {
    const cancelled: unknown[] = [];
    const open = () => new ReadableStream({ cancel: () => void cancelled.push(1) });
    const { fetch } = make({}, (_, n) => new Response(n > 1 ? "yes" : open(), { status: n > 1 ? 200 : 401 }));
    await fetch(API);
    expect(cancelled).toEqual([1]);
  });
});

describe("an answer that streams", () => {
  it.each([{}, { isRejected: () => false }])("is passed on as it is sent (%j)", async (options) => {
    let controller!: ReadableStreamDefaultController;
    const body = new ReadableStream({
      start(given) {
        controller = given;
      },
    });
    const answer = new Response(body);
    const { fetch } = make(options, () => answer);
    const got = await fetch(API);
    expect(got).toBe(answer);
    const reader = got.body!.getReader();
    controller.enqueue(new Uint8Array([1]));
    expect((await reader.read()).value).toEqual(new Uint8Array([1]));
    controller.enqueue(new Uint8Array([2]));
    expect((await reader.read()).value).toEqual(new Uint8Array([2]));
    controller.close();
  });
});

describe("failures", () => {
  it("of getToken() reach the caller", async () => {
    tokens.failure = new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in again.");
    const { fetch, sent } = make();
    await expect(fetch(API)).rejects.toBe(tokens.failure);
    expect(sent).toEqual([]);
  });

  it("of getToken() after a refusal reach the caller too", async () => {
    const failure = new CubeTokenError("ERR_NETWORK", "Offline.");
    const { fetch } = make({}, () => {
      tokens.failure = failure;
      return forbidden();
    });
    await expect(fetch(API)).rejects.toBe(failure);
  });

  it("of the network are fetch's own, and are no refusal", async () => {
    const { fetch } = make({}, () => {
      throw new TypeError("fetch failed");
    });
    await expect(fetch(new Request(API, { method: "POST", body: "x" }))).rejects.toThrow("fetch failed");
    expect(tokens.invalidated).toEqual([]);
  });

  it.each([
    ["init", (signal: AbortSignal): Parameters<typeof fetch> => [API, { signal }]],
    ["a Request", (signal: AbortSignal): Parameters<typeof fetch> => [new Request(API, { signal })]],
  ])("an aborted signal of %s ends the wait for the token with fetch's own error", async (_, args) => {
    vi.spyOn(tokens, "getToken").mockImplementation(
      (options) =>
        new Promise((_, reject) => {
          const fail = () => reject(new CubeTokenError("ERR_ABORTED", "The caller's signal was aborted."));
          if (options?.signal?.aborted) fail();
          options?.signal?.addEventListener("abort", fail);
        }),
    );
    const { fetch, sent } = make();
    const controller = new AbortController();
    const outcome = fetch(...args(controller.signal));
    controller.abort();
    await expect(outcome).rejects.toMatchObject({ name: "AbortError" });
    const mine = new Error("mine");
    const other = new AbortController();
    other.abort(mine);
    await expect(fetch(...args(other.signal))).rejects.toBe(other.signal.reason);
    expect(sent).toEqual([]);
  });

  it("an abort while a refusal is being read ends the request and does not invalidate the token", async () => {
    const controller = new AbortController();
    const { fetch } = make({}, () => {
      const cut = (body: ReadableStreamDefaultController) => {
        controller.abort();
        body.error(controller.signal.reason);
      };
      return new Response(new ReadableStream({ pull: cut }), { status: 403 });
    });
    await expect(fetch(API, { signal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(tokens.invalidated).toEqual([]);
  });

  it("without abort reasons (React Native) reject with an AbortError as well", async () => {
    const signal = { aborted: true, addEventListener() {}, removeEventListener() {} } as never;
    tokens.failure = new CubeTokenError("ERR_ABORTED", "The caller's signal was aborted.");
    await expect(make().fetch(API, { signal })).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("options", () => {
  it.each<[unknown, string]>([
    [undefined, '"url" must be an http(s) URL'],
    [{}, '"url" must be'],
    [{ url: "/cubejs-api" }, '"url" must be an http(s) URL without credentials, and absolute outside a page'],
    [{ url: "" }, '"url" must be'],
    [{ url: null }, '"url" must be'],
    [{ url: 1 }, '"url" must be'],
    [{ url: "ftp://cube.example/" }, '"url" must be'],
    [{ url: "https://user:pass@cube.example/" }, '"url" must be'],
    [{ url: "https://" }, '"url" must be'],
    [{ url: API, header: "X\nY" }, '"header" must be'],
    [{ url: API, header: "X: y" }, '"header" must be'],
    [{ url: API, header: "" }, '"header" must be'],
    [{ url: API, header: null }, '"header" must be'],
    [{ url: API, scheme: "Bearer\r\n" }, '"scheme" must be'],
    [{ url: API, scheme: "Bearer " }, '"scheme" must be'],
    [{ url: API, scheme: 1 }, '"scheme" must be'],
    [{ url: API, isRejected: true }, '"isRejected" must be a function'],
    [{ url: API, headers: {} }, 'unknown option "headers"'],
    [{ url: API, toString: 1 }, 'unknown option "toString"'],
  ])("%j: a TypeError that names it", (options, message) => {
    expect(() => withTokens(fetch, tokens, options as never)).toThrow(TypeError);
    expect(() => withTokens(fetch, tokens, options as never)).toThrow(`withTokens: ${message}`);
  });

  it.each(["", " ", "\n"])("an empty url is an error on a page too, not that page's URL: %j", (url) => {
    vi.stubGlobal("document", { baseURI: "https://app.example/" });
    expect(() => withTokens(fetch, tokens, { url })).toThrow('withTokens: "url" must be');
  });

  it("undefined counts as absent", async () => {
    const { fetch, sent } = make({ header: undefined, scheme: undefined, isRejected: undefined });
    await fetch(API);
    expect(sent[0]!.token).toBe("t1");
  });

  it("says what a manager is", () => {
    expect(() => withTokens(fetch, {} as never, { url: API })).toThrow(
      new TypeError("withTokens: the second argument must be a CubeTokenManager."),
    );
  });
});
