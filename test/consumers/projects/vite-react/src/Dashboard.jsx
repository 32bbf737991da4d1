import { CubeProvider } from "@cubejs-client/react";
import { webStorage } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken, useCubeTokenManager } from "cube-token-manager/react";
import { useEffect, useMemo } from "react";
import { Chart } from "./Chart.jsx";

const apiUrl = import.meta.env.VITE_CUBE_API_URL;

export function Dashboard({ user, onSession }) {
  const tokens = useCubeTokenManager({
    endpoint: "/auth/cubejs-token",
    identity: user,
    storage: webStorage("local"),
  });
  const cubeApi = useMemo(() => createCubeApi(tokens, { apiUrl }), [tokens]);
  const { status, error } = useCubeToken(tokens);

  useEffect(() => {
    window.tokens = tokens;
    // Signed out in another tab, or another user signed in there.
    return tokens.subscribe((event) => {
      if (event.type === "cleared" && event.from !== "here") onSession();
    });
  }, [tokens, onSession]);

  const signOut = async () => {
    await fetch("/auth/sign-out", { method: "POST" });
    await tokens.clear();
    onSession();
  };

  return (
    <>
      <h2>dashboard 1</h2>
      <button type="button" onClick={signOut}>
        Sign out
      </button>
      <p id="token">
        {status}
        {error && ` ${error.code}`}
      </p>
      <CubeProvider cubeApi={cubeApi}>
        <Chart id="chart" user={user} />
        {/* Without the key, useCubeQuery shows the rows that it has until the next user's are there. */}
        <Chart id="own-chart" key={user} user={user} />
      </CubeProvider>
    </>
  );
}
