/** An application without a framework, with the recipe of the README. */
import { sessionOf, signOut } from "../recipes/session.js";
import { boot, signIn, witness } from "./session-witness.js";

const poll = () => {
  if (witness.user)
    sessionOf(witness.user)
      .tokens.getToken()
      .catch(() => {});
};

Object.assign(window, {
  page: {
    user: () => witness.user,
    refresh: () => sessionOf(witness.user!).tokens.getToken({ forceRefresh: true }),
    signOut: () => signOut(sessionOf(witness.user!).tokens),
    async switchTo(user: string) {
      await signIn(user);
      poll();
    },
  },
});

boot().then(() => {
  if (new URLSearchParams(location.search).has("idle")) return;
  poll();
  setInterval(poll, 50);
});
