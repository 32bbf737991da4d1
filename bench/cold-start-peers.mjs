import { Auth0Client } from "@auth0/auth0-spa-js";
import { OktaAuth } from "@okta/okta-auth-js";
import { GoTrueClient } from "@supabase/auth-js";
import { User, UserManager, WebStorageStateStore } from "oidc-client-ts";

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

/**
 * The SDKs that also read a stored token from localStorage: `open()` creates a client, `store()` leaves in the storage what
 * a sign-in leaves there, `token()` is the first call that needs it.
 */
export const peers = {
  "@supabase/auth-js": {
    open: () =>
      new GoTrueClient({ url: "https://sso.test", autoRefreshToken: false, storageKey: "bench.supabase" }),
    store: (auth, token) => auth.setSession({ access_token: token, refresh_token: "r" }),
    token: async (auth) => (await auth.getSession()).data.session.access_token,
  },
  "@auth0/auth0-spa-js": {
    open: () =>
      new Auth0Client({
        domain: "sso.test",
        clientId: "c",
        cacheLocation: "localstorage",
        useRefreshTokens: true,
        authorizationParams: { audience: "a", scope: "openid" },
      }),
    store(_, token) {
      const scope = "openid offline_access";
      const body = {
        client_id: "c",
        audience: "a",
        scope,
        access_token: token,
        refresh_token: "r",
        expires_in: 3600,
      };
      const user = { id_token: token, decodedToken: { claims: {}, user: { sub: "u" } } };
      localStorage.setItem(`@@auth0spajs@@::c::a::${scope}`, JSON.stringify({ body, expiresAt: inAnHour() }));
      localStorage.setItem("@@auth0spajs@@::c::@@user@@", JSON.stringify(user));
    },
    token: (auth0) => auth0.getTokenSilently(),
  },
  "@okta/okta-auth-js": {
    open: () =>
      new OktaAuth({
        issuer: "https://sso.test/oauth2/default",
        clientId: "c",
        redirectUri: "https://app.test/",
        tokenManager: { storage: "localStorage", autoRenew: false, autoRemove: false },
        services: { autoRenew: false },
      }),
    store: (okta, token) =>
      okta.tokenManager.add("accessToken", {
        accessToken: token,
        tokenType: "Bearer",
        scopes: ["openid"],
        claims: {},
        expiresAt: inAnHour(),
        authorizeUrl: "https://sso.test/authorize",
        userinfoUrl: "https://sso.test/userinfo",
      }),
    token: async (okta) => (await okta.tokenManager.get("accessToken")).accessToken,
  },
  "oidc-client-ts": {
    open: () =>
      new UserManager({
        authority: "https://sso.test",
        client_id: "c",
        redirect_uri: "https://app.test/",
        userStore: new WebStorageStateStore({ store: localStorage }),
        automaticSilentRenew: false,
      }),
    store: (users, token) =>
      users.storeUser(
        new User({
          access_token: token,
          token_type: "Bearer",
          profile: { sub: "u" },
          expires_at: inAnHour(),
        }),
      ),
    token: async (users) => (await users.getUser()).access_token,
  },
};
