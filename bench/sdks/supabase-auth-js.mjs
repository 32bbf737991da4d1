import { GoTrueClient } from "@supabase/auth-js";

export async function create(token) {
  const auth = new GoTrueClient({ url: "https://sso.test", autoRefreshToken: false, persistSession: false });
  await auth.setSession({ access_token: token, refresh_token: "r" });
  return {
    getToken: async () => (await auth.getSession()).data.session.access_token,
    refresh: async () => (await auth.refreshSession()).data.session.access_token,
  };
}
