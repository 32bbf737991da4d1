import { HttpTransport } from "@cubejs-client/core";
import { SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenManager } from "../../src/index.js";
import { accepted, count, query, refused, running } from "../support/backend.js";
import {
  type Cube,
  caught,
  SECRET,
  sign,
  signer,
  sleep,
  startCube,
  startServer,
  startWire,
  WRONG,
} from "../support/cube.js";

describe("apiSecret (HS256)", () => {
  let cube: Cube;
  beforeAll(async () => {
    cube = await startCube();
  });

  it("accepts a token without a security context", async () => {
    const { tokens, context } = await accepted(cube, () => sign());
    expect(Object.keys(context).sort()).toEqual(["exp", "iat"]);
    expect(tokens.securityContext()).toEqual(context);
  });

  it("accepts a flat security context", async () => {
    const { tokens, context } = await accepted(cube, () =>
      sign({ company: "Müller & Søn", roles: ["a", "b"] }),
    );
    expect(context).toMatchObject({ company: "Müller & Søn", roles: ["a", "b"] });
    expect(tokens.securityContext()).toEqual(context);
  });

  it("lifts the legacy u", async () => {
    const { tokens, context } = await accepted(cube, () => sign({ u: { company: "Acme" }, tenant: 7 }));
    expect(context).toMatchObject({ company: "Acme", tenant: 7 });
    expect(tokens.securityContext()).toEqual(context);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const raw = (claims: object, alg = "HS256", secret = SECRET) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));

  it("accepts a token without exp", async () => {
    await accepted(cube, () => raw({ company: "Acme" }));
  });

  it.each<[string, () => Promise<string>]>([
    ["another secret", () => sign({}, { secret: WRONG })],
    ["a changed payload", async () => (await sign()).replace(/\.[^.]*\./, `.${btoa('{"a":"b"}')}.`)],
    [
      "no signature (alg none)",
      async () => `${btoa('{"alg":"none"}').replace(/=+$/, "")}.${btoa("{}").replace(/=+$/, "")}.x`,
    ],
    ["an opaque token", async () => "opaque"],
  ])("refuses %s", (_, make) => refused(cube, make));

  it.each([
    ["expired on arrival", () => raw({ iat: now() - 120, exp: now() - 60 }), "ERR_TOKEN_EXPIRED"],
    ["with an nbf ahead", () => raw({ iat: now(), nbf: now() + 60, exp: now() + 120 }), "ERR_INVALID_TOKEN"],
    ["with its scheme", async () => `Bearer ${await sign()}`, "ERR_INVALID_TOKEN"],
  ])("never receives a token that is %s", async (_, make, code) => {
    // With a clock known to be right: the endpoint sends the time.
    const source = await startServer(async (_request, response) => {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ token: await make() }));
    });
    running.push(source);
    cube.contexts.length = 0;
    const tokens = new CubeTokenManager({ endpoint: source.url });
    expect(await caught(createCubeApi(tokens, { apiUrl: cube.apiUrl }).load(query))).toMatchObject({ code });
    tokens.dispose();
    expect(cube.contexts).toEqual([]);
  });

  it("accepts the token with and without a scheme over HTTP", async () => {
    const { tokens } = signer();
    for (const scheme of ["", "Bearer "]) {
      const headers = { Authorization: scheme + (await tokens.getToken()) };
      expect((await fetch(`${cube.apiUrl}/meta`, { headers })).status).toBe(200);
    }
  });

  it("prefers x-cube-authorization, which a transport can fill, so that a gateway keeps Authorization", async () => {
    let n = 0;
    const { tokens } = signer(() => sign({ n: n++ }, { secret: n > 1 ? SECRET : WRONG }));
    const headers: Record<string, string> = { Authorization: "Basic Z2F0ZXdheQ==" };
    const transport = new HttpTransport({ apiUrl: cube.apiUrl, headers });
    Object.defineProperty(transport, "authorization", {
      set(token) {
        headers["X-Cube-Authorization"] = token;
      },
    });
    const api = createCubeApi(tokens, { apiUrl: cube.apiUrl, transport });
    // The first token is refused: its replacement is sent the same way.
    expect(await count(api)).toBe(2);
    expect(n).toBe(2);
  });
});

describe("apiSecrets", () => {
  it("can be rotated while the page runs, and no query fails", async () => {
    const [old, next] = [SECRET, WRONG];
    const cubes = await Promise.all(
      [[old], [next, old], [next]].map((apiSecrets) => startCube({ apiSecrets })),
    );
    const wire = await startWire(cubes[0]!.port);
    running.push(wire);
    let secret = old;
    const { tokens, requests } = signer(() => sign({}, { secret }));
    const api = createCubeApi(tokens, { apiUrl: `http://127.0.0.1:${wire.port}/cubejs-api/v1` });
    const deploy = async (cube: Cube | undefined) => {
      wire.target = cube!.port;
      wire.cut();
      await sleep(100);
    };
    expect(await count(api)).toBe(2);
    await deploy(cubes[1]);
    expect(await count(api)).toBe(2);
    secret = next;
    expect(requests()).toBe(1);
    // The old secret is withdrawn: the page's token is refused and replaced within the query.
    await deploy(cubes[2]);
    expect(await count(api)).toBe(2);
    expect(requests()).toBe(2);
  });
});

describe("audience, issuer and subject", () => {
  const right = { aud: "https://cube.example", iss: "https://id.example", sub: "ada" };
  let cube: Cube;
  beforeAll(async () => {
    cube = await startCube({
      apiSecret: SECRET,
      jwt: { audience: right.aud, issuer: [right.iss, "https://other.example"], subject: right.sub },
    });
  });

  it("are accepted if they match", async () => {
    const { tokens, context } = await accepted(cube, () => sign(right));
    expect(context).toMatchObject(right);
    expect(tokens.securityContext()).toEqual(context);
    await accepted(cube, () => sign({ ...right, iss: "https://other.example" }));
    await accepted(cube, () => sign({ ...right, aud: ["https://else.example", right.aud] }));
  });

  it.each(["aud", "iss", "sub"])("are refused with a wrong and a missing %s", async (claim) => {
    await refused(cube, () => sign({ ...right, [claim]: "wrong" }));
    await refused(cube, () => sign({ ...right, [claim]: undefined }));
  });
});

describe("claimsNamespace", () => {
  it("determines the security context, on both sides alike, and refuses nothing", async () => {
    const claimsNamespace = "https://cube.dev/";
    const cube = await startCube({ apiSecret: SECRET, jwt: { claimsNamespace } });
    for (const claims of [
      { [claimsNamespace]: { company: "Acme", roles: ["a"] }, company: "not this" },
      { company: "not this" },
    ]) {
      const { tokens, context } = await accepted(cube, () => sign(claims));
      expect(tokens.securityContext({ claimsNamespace })).toEqual(context);
      expect(context.company).not.toBe("not this");
    }
  });
});

describe("a custom checkAuth", () => {
  it("accepts an opaque token; its CubejsHandlerError(401) is a refusal like Cube's own", async () => {
    const cube = await startCube({ checkAuth: "opaque" });
    const { tokens, context } = await accepted(cube, async () => "letmein");
    expect(context).toEqual({ user: "opaque" });
    expect(tokens.securityContext()).toBeUndefined();
    let n = 0;
    await refused(cube, async () => `wrong${n++}`, 401, "No such token");
    // The first is outdated, the second valid.
    const answers = ["old", "letmein"];
    const { tokens: others } = signer(async () => answers.shift()!);
    expect(await count(createCubeApi(others, { apiUrl: cube.apiUrl }))).toBe(2);
  });

  it("that throws an Error answers 500, which isRejected can distinguish from other errors", async () => {
    const cube = await startCube({ checkAuth: "throws" });
    let n = 0;
    const make = () => sign(n++ ? {} : { bad: true });
    const { tokens, requests } = signer(make);
    const api = createCubeApi(tokens, { apiUrl: cube.apiUrl });
    expect(await caught(api.load(query))).toMatchObject({
      status: 500,
      message: "Error: Signature is wrong",
    });
    expect(requests()).toBe(1);
    n = 0;
    const isRejected = ({ status, error = "" }: { status: number; error?: string }) =>
      status === 500 && error.includes("Signature is wrong");
    const told = signer(make);
    expect(await count(createCubeApi(told.tokens, { apiUrl: cube.apiUrl, isRejected }))).toBe(2);
    expect(told.requests()).toBe(2);
  });
});

describe("development mode", () => {
  it('needs no token: fetchToken returns ""', async () => {
    const cube = await startCube({ apiSecret: SECRET, development: true });
    const { tokens, context } = await accepted(cube, async () => "");
    expect(await tokens.getToken()).toBe("");
    expect(context).toEqual({});
    expect(tokens.getSnapshot().claims).toBeUndefined();
  });
});
