// session.ts
import { CubeTokenManager, webStorage } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";

const apiUrl = "https://cube.example.com/cubejs-api/v1";

function createSession(userId: string) {
  const tokens = new CubeTokenManager({
    endpoint: "/auth/cubejs-token",
    identity: userId,
    storage: webStorage("local"), // tabs share one token, and sign out together
  });
  leaveWithSession(tokens);
  return { userId, tokens, cubeApi: createCubeApi(tokens, { apiUrl }) };
}

let session: ReturnType<typeof createSession> | undefined;

/** After a sign-in, and for every later call: another user gets another manager. */
export function sessionOf(userId: string) {
  if (session?.userId !== userId) {
    session?.tokens.clear();
    session?.tokens.dispose();
    session = createSession(userId);
  }
  return session;
}

/** When the session is over, the page goes: once, and without another token on the way. */
export function leaveWithSession(tokens: CubeTokenManager) {
  return tokens.subscribe((event) => {
    if (event.type === "cleared" && event.from !== "here") {
      // Signed out in another tab, or another user signed in there: this page's data is no longer current.
      tokens.dispose();
      location.reload();
    } else if (event.type === "refreshfailed" && event.error.code === "ERR_UNAUTHENTICATED") {
      // The server says that the session is over: the token that is still valid goes too, in every tab.
      tokens.clear();
      tokens.dispose();
      location.assign("/sign-in");
    }
  });
}

export async function signOut(tokens = session?.tokens) {
  // First the server: until its session is over, another tab may rightly fetch a new token.
  const { ok, status } = await fetch("/auth/sign-out", { method: "POST" });
  // 401: it was over already.
  if (!ok && status !== 401) throw new Error(`Sign-out failed: ${status}`);
  // Then every tab. Pending calls reject with ERR_CLEARED; a late response cannot restore the token.
  await tokens?.clear();
  tokens?.dispose();
  location.assign("/sign-in");
}
