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

/** Returns this user's session, created on the first call. Another user gets a new manager. */
export function sessionOf(userId: string) {
  if (session?.userId !== userId) {
    session?.tokens.clear();
    session?.tokens.dispose();
    session = createSession(userId);
  }
  return session;
}

/** Leaves the page once when the session ends, without requesting another token. */
export function leaveWithSession(tokens: CubeTokenManager) {
  return tokens.subscribe((event) => {
    if (event.type === "cleared" && event.from !== "here") {
      // Signed out in another tab, or another user signed in there: this page's data is out of date.
      tokens.dispose();
      location.reload();
    } else if (event.type === "refreshfailed" && event.error.code === "ERR_UNAUTHENTICATED") {
      // The server has ended the session: in every tab, drop the token even if it is still valid.
      tokens.clear();
      tokens.dispose();
      location.assign("/sign-in");
    }
  });
}

export async function signOut(tokens = session?.tokens) {
  // The server first: until its session ends, another tab can fetch a new token.
  const { ok, status } = await fetch("/auth/sign-out", { method: "POST" }); // yours
  // 401: it had already ended.
  if (!ok && status !== 401) throw new Error(`Sign-out failed: ${status}`);
  // Then every tab. Pending calls reject with ERR_CLEARED; a late response cannot restore the token.
  await tokens?.clear();
  tokens?.dispose();
  location.assign("/sign-in");
}
