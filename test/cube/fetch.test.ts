import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client/core";
import { GraphQLClient } from "graphql-request";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FetchWithTokensOptions, withTokens } from "../../src/index.js";
import { running } from "../support/backend.js";
import {
  type Cube,
  caught,
  SECRET,
  sign,
  signer,
  slowQuery,
  startCube,
  startServer,
  startWire,
  type Wire,
  WRONG,
} from "../support/cube.js";

/** Clients that send Cube's token, unmodified, with `withTokens(fetch, …)` and a real Cube server. */
let cube: Cube;
let wire: Wire;
let base: string;

beforeAll(async () => {
  cube = await startCube();
  wire = await startWire(cube.port);
  base = `http://127.0.0.1:${wire.port}/cubejs-api`;
});
afterAll(() => wire?.stop());

const query = { measures: ["Things.count"] };

function setUp(make?: Parameters<typeof signer>[0], options: Partial<FetchWithTokensOptions> = {}) {
  const { tokens, requests } = signer(make);
  return { cubeFetch: withTokens(fetch, tokens, { url: base, ...options }), tokens, requests };
}
/** Cube refuses the first token. */
const wrongFirst = () => {
  let n = 0;
  return () => sign({ n: n++ }, { secret: n > 1 ? SECRET : WRONG });
};
const post = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

describe("REST by hand", () => {
  it.each([
    ["a good token", undefined, 1],
    ["a refused one, which is replaced", wrongFirst(), 2],
  ])("load, meta and sql with %s", async (_, make, requests) => {
    const { cubeFetch, requests: asked } = setUp(make);
    const load = await cubeFetch(`${base}/v1/load`, post({ query }));
    expect(load.status).toBe(200);
    expect((await load.json()).data).toEqual([{ "Things.count": "2" }]);
    const get = await cubeFetch(`${base}/v1/load?query=${encodeURIComponent(JSON.stringify(query))}`);
    expect((await get.json()).data).toEqual([{ "Things.count": "2" }]);
    const meta = await cubeFetch(new URL(`${base}/v1/meta`));
    expect((await meta.json()).cubes[0].name).toBe("Things");
    const sql = await cubeFetch(new Request(`${base}/v1/sql`, post({ query })));
    expect((await sql.json()).sql.sql[0]).toContain("count");
    expect(asked()).toBe(requests);
  });

  it("a Request is repeated with its body", async () => {
    const { cubeFetch, requests } = setUp(wrongFirst());
    const answer = await cubeFetch(new Request(`${base}/v1/load`, post({ query })));
    expect((await answer.json()).data).toEqual([{ "Things.count": "2" }]);
    expect(requests()).toBe(2);
  });

  it("with another header beside a gateway's Authorization, and with a scheme", async () => {
    const headers = { Authorization: "Basic Z2F0ZXdheQ==" };
    const other = setUp(undefined, { header: "X-Cube-Authorization" });
    expect((await other.cubeFetch(`${base}/v1/meta`, { headers })).status).toBe(200);
    const scheme = setUp(undefined, { scheme: "Bearer" });
    expect((await scheme.cubeFetch(`${base}/v1/meta`, { headers })).status).toBe(200);
  });

  it("returns Cube's refusal if the next token is refused too", async () => {
    const { cubeFetch, requests } = setUp(() => sign({ n: Math.random() }, { secret: WRONG }));
    const answer = await cubeFetch(`${base}/v1/meta`);
    expect([answer.status, await answer.json()]).toEqual([403, { error: "Invalid token" }]);
    expect(requests()).toBe(2);
  });

  it("a missing scope is no refusal", async () => {
    const scoped = await startCube({ apiSecret: SECRET, scopes: ["meta"] });
    const { cubeFetch, requests } = setUp(undefined, { url: scoped.apiUrl });
    const answer = await cubeFetch(`${scoped.apiUrl}/load`, post({ query }));
    expect([answer.status, await answer.json()]).toEqual([403, { error: "API scope is missing: data" }]);
    expect(requests()).toBe(1);
  });

  it("sends no token in development mode", async () => {
    const open = await startCube({ development: true });
    const { tokens } = signer();
    const cubeFetch = withTokens(
      fetch,
      { ...tokens, getToken: async () => "", invalidate: tokens.invalidate },
      { url: open.apiUrl },
    );
    expect((await cubeFetch(`${open.apiUrl}/meta`)).status).toBe(200);
  });
});

describe("a long poll by hand", () => {
  it("lasts through several token lifetimes, and returns its rows", async () => {
    const { cubeFetch, requests } = setUp(() => sign({}, { ttl: 4 }));
    const body = post({ query: slowQuery(9000) });
    let polls = 0;
    for (;;) {
      const answer = await cubeFetch(`${base}/v1/load`, body);
      expect(answer.status).toBe(200);
      const result = await answer.json();
      polls++;
      if (result.error !== "Continue wait") {
        expect(result.data).toEqual([{ "Things.count": "2" }]);
        break;
      }
    }
    expect(polls).toBeGreaterThan(4);
    expect(requests()).toBeGreaterThanOrEqual(3);
  });

  it("ends at once when it is aborted", async () => {
    const { cubeFetch } = setUp();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const error = await caught(
      cubeFetch(`${base}/v1/load`, { ...post({ query: slowQuery(5000) }), signal: controller.signal }),
    );
    expect(error.name).toBe("AbortError");
  });
});

describe("GraphQL", () => {
  const document = "query Count { cube { things { count } } }";
  const things = { cube: [{ things: { count: 2 } }] };

  it.each([
    ["a good token", undefined, 1],
    ["a refused one, which is replaced", wrongFirst(), 2],
  ])("graphql-request 7, unmodified, with %s", async (_, make, requests) => {
    const { cubeFetch, requests: asked } = setUp(make);
    const client = new GraphQLClient(`${base}/graphql`, { fetch: cubeFetch });
    expect(await client.request(document)).toEqual(things);
    expect(asked()).toBe(requests);
  });

  it.each([
    ["a good token", undefined, 1],
    ["a refused one, which is replaced", wrongFirst(), 2],
  ])("Apollo Client 4, unmodified, with %s", async (_, make, requests) => {
    const { cubeFetch, requests: asked } = setUp(make);
    const client = new ApolloClient({
      link: new HttpLink({ uri: `${base}/graphql`, fetch: cubeFetch }),
      cache: new InMemoryCache(),
    });
    const { data } = await client.query({ query: gql(document), fetchPolicy: "no-cache" });
    expect(data).toMatchObject({ cube: [{ things: { count: 2 } }] });
    client.stop();
    expect(asked()).toBe(requests);
  });
});

describe("a redirect", () => {
  it("to another origin gets neither the token nor the request, where plain fetch would follow", async () => {
    const seen: (string | undefined)[] = [];
    const thief = await startServer((request, response) => {
      seen.push(String(request.headers["x-cube-authorization"]));
      response.end("{}");
    });
    const gateway = await startServer((_, response) => {
      response.writeHead(307, { location: `${thief.url}/cubejs-api/v1/meta` }).end();
    });
    running.push(thief, gateway);
    const { tokens } = signer();
    const url = `${gateway.url}/cubejs-api`;
    const header = "X-Cube-Authorization";
    // The application's own header is forwarded.
    await fetch(`${url}/v1/meta`, { headers: { [header]: await tokens.getToken() } });
    expect(seen.splice(0)).toEqual([await tokens.getToken()]);
    const cubeFetch = withTokens(fetch, tokens, { url, header });
    for (const init of [undefined, { redirect: "follow" }, post({})] as RequestInit[]) {
      expect(await caught(cubeFetch(`${url}/v1/meta`, init))).toBeInstanceOf(TypeError);
      expect(await caught(cubeFetch(new Request(`${url}/v1/meta`, init)))).toBeInstanceOf(TypeError);
    }
    expect(seen).toEqual([]);
  });
});
