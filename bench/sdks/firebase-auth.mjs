import { initializeApp } from "@firebase/app";
import { initializeAuth, inMemoryPersistence, signInWithCustomToken } from "@firebase/auth";

let serial = 0;

export async function create(token) {
  const auth = initializeAuth(initializeApp({ apiKey: "k" }, `app ${serial++}`), {
    persistence: inMemoryPersistence,
  });
  const { user } = await signInWithCustomToken(auth, token);
  return { getToken: () => user.getIdToken(), refresh: () => user.getIdToken(true) };
}
