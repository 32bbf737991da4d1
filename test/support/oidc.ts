import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

/** Cube's name at the identity provider: the audience of its tokens. */
export const AUDIENCE = "https://cube.example.com";

/**
 * A real OpenID Connect provider, with its own sign-in pages, that issues RS256 access tokens for Cube.
 *
 * @param redirectUri of the one client, "app": a page without a secret.
 * @param ttl lifetime of the access tokens, in seconds.
 */
export async function startProvider(port: number, redirectUri: string, ttl: number) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const issuer = `http://localhost:${port}`;
  const issued = { accessTokens: 0 };
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "idp", alg: "RS256", use: "sig" }] },
    clients: [
      {
        client_id: "app",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [redirectUri],
      },
    ],
    clientBasedCORS: () => true,
    cookies: { keys: ["a cookie key of the test"] },
    issueRefreshToken: async () => true,
    extraTokenClaims: async () => ({ company: "Acme Bikes" }),
    features: {
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => AUDIENCE,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => ({
          scope: "query",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: ttl,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  provider.on("access_token.issued", () => issued.accessTokens++);
  const server = provider.listen(port);
  await once(server, "listening");
  return {
    issuer,
    issued,
    port: (server.address() as AddressInfo).port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
