import { InMemoryWebStorage, User, UserManager, WebStorageStateStore } from "oidc-client-ts";

export async function create(token) {
  const users = new UserManager({
    authority: "https://sso.test",
    client_id: "c",
    redirect_uri: "https://app.test/",
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    automaticSilentRenew: false,
  });
  await users.storeUser(
    new User({
      access_token: token,
      refresh_token: "r",
      token_type: "Bearer",
      profile: { sub: "u" },
      expires_at: Date.now() / 1000 + 3600,
    }),
  );
  return {
    getToken: async () => (await users.getUser()).access_token,
    refresh: async () => (await users.signinSilent()).access_token,
  };
}
