import { useCallback, useEffect, useState } from "react";
import { Dashboard } from "./Dashboard.jsx";

export function App() {
  // Undefined until the server has answered, null when signed out.
  const [user, setUser] = useState();
  const ask = useCallback(async () => {
    const response = await fetch("/auth/me");
    setUser((await response.json()).user);
  }, []);
  const signIn = async (name) => {
    await fetch(`/auth/sign-in?user=${name}`, { method: "POST" });
    setUser(name);
  };

  useEffect(() => {
    window.mounts = (window.mounts ?? 0) + 1;
    ask();
  }, [ask]);

  if (user === undefined) return <p>Loading…</p>;
  return (
    <>
      <h1>version 1</h1>
      <button type="button" onClick={() => signIn("ada")}>
        Ada
      </button>
      <button type="button" onClick={() => signIn("bob")}>
        Bob
      </button>
      <Dashboard user={user ?? undefined} onSession={ask} />
    </>
  );
}
