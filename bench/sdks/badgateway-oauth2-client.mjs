import { OAuth2Client, OAuth2Fetch } from "@badgateway/oauth2-client";

export async function create(token) {
  const client = new OAuth2Client({ clientId: "c", tokenEndpoint: "https://sso.test/token" });
  const wrapper = new OAuth2Fetch({
    client,
    getNewToken: () => ({ accessToken: token, refreshToken: "r", expiresAt: Date.now() + 3_600_000 }),
    scheduleRefresh: false,
  });
  await wrapper.getAccessToken();
  return {
    getToken: () => wrapper.getAccessToken(),
    refresh: async () => (await wrapper.refreshToken()).accessToken,
  };
}
