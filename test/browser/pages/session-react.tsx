/** An application with React in its StrictMode, with the recipes of the README. */
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { Dashboard } from "../recipes/dashboard.js";
import { signOut } from "../recipes/session.js";
import { boot, signIn, witness } from "./session-witness.js";

let show: (user: string) => void;

function App() {
  const [user, setUser] = useState<string>();
  useEffect(() => {
    show = setUser;
    boot().then(setUser);
  }, []);
  return user ? <Dashboard userId={user} /> : null;
}

Object.assign(window, {
  page: {
    refresh: () => witness.used!.getToken({ forceRefresh: true }),
    signOut: () => signOut(witness.used),
    async switchTo(user: string) {
      await signIn(user);
      show(user);
    },
  },
});

const root = document.body.appendChild(document.createElement("main"));
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
setInterval(() => witness.used?.getToken().catch(() => {}), 50);
