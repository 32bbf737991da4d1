import { OktaAuth } from "@okta/okta-auth-js";

export async function create(token) {
  const okta = new OktaAuth({
    issuer: "https://sso.test/oauth2/default",
    clientId: "c",
    redirectUri: "https://app.test/",
    tokenManager: { storage: "memory", autoRenew: false, autoRemove: false },
    services: { autoRenew: false },
  });
  okta.tokenManager.add("accessToken", {
    accessToken: token,
    tokenType: "Bearer",
    scopes: ["openid"],
    claims: {},
    expiresAt: Math.floor(Date.now() / 1000) + 3600,
    authorizeUrl: "https://sso.test/authorize",
    userinfoUrl: "https://sso.test/userinfo",
  });
  return { getToken: async () => (await okta.tokenManager.get("accessToken")).accessToken };
}
