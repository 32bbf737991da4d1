/** An application without a framework, with the recipe of the README. */
import { sessionOf, signOut } from "../recipes/session.js";
import { boot, signIn, witness } from "./session-witness.js";

const poll = () => {
  if (witness.user) sessionOf(witness.user).tokens.getToken().catch(() => {});
};

Object.assign(window, {
  page: {
    refresh: () => void sessionOf(witness.user!).tokens.getToken({ forceRefresh: true }).catch(() => {}),
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
