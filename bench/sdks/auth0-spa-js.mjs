import { Auth0Client, InMemoryCache } from "@auth0/auth0-spa-js";

export async function create(token) {
  const cache = new InMemoryCache().enclosedCache;
  const client = new Auth0Client({
    domain: "sso.test",
    clientId: "c",
    cache,
    useRefreshTokens: true,
    authorizationParams: { audience: "a", scope: "openid" },
  });
  const scope = "openid offline_access";
  // What a sign-in leaves in the cache.
  cache.set(`@@auth0spajs@@::c::a::${scope}`, {
    body: { client_id: "c", audience: "a", scope, access_token: token, refresh_token: "r", expires_in: 3600 },
    expiresAt: Math.floor(Date.now() / 1000) + 3600,
  });
  cache.set("@@auth0spajs@@::c::@@user@@", {
    id_token: token,
    decodedToken: { claims: {}, user: { sub: "u" } },
  });
  return { getToken: () => client.getTokenSilently() };
}
