import { createRemoteJWKSet, exportJWK, exportSPKI, generateKeyPair, jwtVerify, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { accepted, count, query, refused, running } from "../support/backend.js";
import {
  caught,
  SECRET,
  sign,
  signer,
  sleep,
  startCube,
  startServer,
  startWire,
  until,
} from "../support/cube.js";

/** A key with its published id. */
async function makeKey(alg: string, kid: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    publicKey,
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" },
    sign: (claims: object = {}, header: object = { kid }) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg, ...header })
        .setIssuedAt()
        .setExpirationTime("10m")
        .sign(privateKey),
  };
}

/** Publishes keys like an identity provider. */
async function publish(...keys: { jwk: object }[]) {
  const published = { keys: keys.map(({ jwk }) => jwk), fetches: 0 };
  const server = await startServer((_, response) => {
    published.fetches++;
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ keys: published.keys }));
  });
  running.push(server);
  return { published, url: `${server.url}/.well-known/jwks.json` };
}

describe("JWKS by URL", () => {
  it.each(["RS256", "ES256"])("accepts %s, and refuses tokens that the keys did not sign", async (alg) => {
    const [key, other] = await Promise.all([makeKey(alg, "a"), makeKey(alg, "a")]);
    const { url } = await publish(key);
    const cube = await startCube({ jwt: { jwkUrl: url, algorithms: [alg] } });
    const { tokens, context } = await accepted(cube, () => key.sign({ company: "Acme" }));
    expect(tokens.securityContext()).toEqual(context);
    // Any other library can verify with the published keys too.
    await jwtVerify(await tokens.getToken(), createRemoteJWKSet(new URL(url)));
    await refused(cube, () => other.sign());
    await refused(cube, () => key.sign({}, {}));
    await refused(cube, () => key.sign({}, { kid: "unknown" }));
    await refused(cube, () => sign());
  });

  it("refuses tokens while the key server is down, and recovers with it", async () => {
    const key = await makeKey("RS256", "a");
    const wire = await startWire(Number(new URL((await publish(key)).url).port));
    running.push(wire);
    wire.down = true;
    const cube = await startCube({
      jwt: { jwkUrl: `http://127.0.0.1:${wire.port}/`, jwkRetry: 1, algorithms: ["RS256"] },
    });
    const { tokens, requests } = signer(() => key.sign());
    const api = createCubeApi(tokens, { apiUrl: cube.apiUrl });
    expect(await caught(api.load(query))).toMatchObject({ status: 403 });
    wire.down = false;
    await until(() => count(api).catch(() => 0), 1000);
    expect(await count(api)).toBe(2);
    expect(requests()).toBeLessThanOrEqual(4);
  });

  it("a rotated key is refused within the refetch window, without a storm, and service recovers automatically", async () => {
    const [old, next] = await Promise.all([makeKey("RS256", "old"), makeKey("RS256", "new")]);
    const { published, url } = await publish(old);
    const cube = await startCube({ jwt: { jwkUrl: url, jwkRefetchWindow: 6000, algorithms: ["RS256"] } });
    let key = old;
    let n = 0;
    const { tokens, requests } = signer(() => key.sign({ n: n++ }));
    const api = createCubeApi(tokens, { apiUrl: cube.apiUrl });
    expect(await count(api)).toBe(2);
    expect(published.fetches).toBe(1);

    key = next;
    published.keys = [next.jwk];
    await tokens.getToken({ forceRefresh: true });
    const before = requests();
    // Ten charts that poll five times a second while Cube only knows the old key.
    const answers: string[] = [];
    const end = Date.now() + 12_000;
    const chart = async () => {
      while (Date.now() < end) {
        await count(api).then(
          () => answers.push("rows"),
          (error) => answers.push(`${error.status} ${error.message}`),
        );
        await sleep(200);
      }
    };
    await Promise.all(Array.from({ length: 10 }, chart));
    expect(new Set(answers)).toEqual(new Set(["403 Invalid token", "rows"]));
    // After the recovery, no query fails.
    expect(answers.slice(answers.lastIndexOf("403 Invalid token") + 1).length).toBeGreaterThan(50);
    expect(requests() - before).toBeLessThanOrEqual(10);
    expect(published.fetches).toBeLessThanOrEqual(3);
  });

  it("a token of a withdrawn key is replaced within the query", async () => {
    const [old, next] = await Promise.all([makeKey("RS256", "old"), makeKey("RS256", "new")]);
    const { published, url } = await publish(old, next);
    const config = { jwt: { jwkUrl: url, algorithms: ["RS256"] } };
    let key = old;
    const { tokens, requests } = signer(() => key.sign());
    const first = await startCube(config);
    const wire = await startWire(first.port);
    running.push(wire);
    const api = createCubeApi(tokens, { apiUrl: `http://127.0.0.1:${wire.port}/cubejs-api/v1` });
    expect(await count(api)).toBe(2);
    key = next;
    published.keys = [next.jwk];
    wire.target = (await startCube(config)).port;
    wire.cut();
    await sleep(100);
    expect(await count(api)).toBe(2);
    expect(requests()).toBe(2);
  });
});

describe("a key given as a string", () => {
  it("accepts only tokens that it signed", async () => {
    const [key, other] = await Promise.all([makeKey("RS256", "a"), makeKey("RS256", "a")]);
    const cube = await startCube({ jwt: { key: await exportSPKI(key.publicKey), algorithms: ["RS256"] } });
    const { tokens, context } = await accepted(cube, () => key.sign({ company: "Acme" }));
    expect(tokens.securityContext()).toEqual(context);
    await refused(cube, () => other.sign());
    await refused(cube, () => sign());
  });

  it("that is a secret accepts only the configured algorithms", async () => {
    const cube = await startCube({ jwt: { key: SECRET, algorithms: ["HS512"] } });
    const hs = (alg: string) => () =>
      new SignJWT({})
        .setProtectedHeader({ alg })
        .setExpirationTime("10m")
        .sign(new TextEncoder().encode(SECRET.repeat(2).slice(0, SECRET.length)));
    await refused(cube, hs("HS256"));
  });
});
