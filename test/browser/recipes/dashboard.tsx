// dashboard.tsx
import { CubeProvider, type CubeProviderProps, useCubeQuery } from "@cubejs-client/react";
import { webStorage } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken, useCubeTokenManager } from "cube-token-manager/react";
import { useEffect, useMemo } from "react";
import { leaveWithSession } from "./session";

const apiUrl = "https://cube.example.com/cubejs-api/v1";

export function Dashboard({ userId }: { userId: string }) {
  // Created for this user and disposed of on unmount; a new userId gets a new manager.
  const tokens = useCubeTokenManager({
    endpoint: "/auth/cubejs-token",
    identity: userId,
    storage: webStorage("local"),
  });
  useEffect(() => leaveWithSession(tokens), [tokens]);
  const cubeApi = useMemo<CubeProviderProps["cubeApi"]>(() => createCubeApi(tokens, { apiUrl }), [tokens]);
  const { error } = useCubeToken(tokens);
  if (error?.code === "ERR_UNAUTHENTICATED") return <a href="/sign-in">Sign in again</a>;
  // Without the key, useCubeQuery shows the previous user's rows until new ones arrive.
  return (
    <CubeProvider key={userId} cubeApi={cubeApi}>
      <Orders />
    </CubeProvider>
  );
}

function Orders() {
  const { resultSet, error } = useCubeQuery({ measures: ["Orders.count"] });
  if (error) return <p>{error.message}</p>;
  return <p>{resultSet ? String(resultSet.rawData()[0]?.["Orders.count"]) : "Loading…"}</p>;
}
