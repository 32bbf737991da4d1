import type { CubeApi } from "@cubejs-client/core";
import { CubeProvider, type CubeProviderProps, useCubeQuery } from "@cubejs-client/react";
import { createCubeApi } from "cube-token-manager/cube";
import { createIsolatedCubeApi } from "cube-token-manager/isolated";
import { useCubeTokenManager } from "cube-token-manager/react";
import { useMemo } from "react";

const apiUrl = "/cubejs-api/v1";

export function Dashboard() {
  const tokens = useCubeTokenManager({ endpoint: "/token" });
  const cubeApi = useMemo<CubeProviderProps["cubeApi"]>(() => createCubeApi(tokens, { apiUrl }), [tokens]);
  return (
    <CubeProvider cubeApi={cubeApi}>
      <Orders />
    </CubeProvider>
  );
}

export const Isolated = ({ worker }: { worker: Worker }) => (
  <CubeProvider cubeApi={useMemo(() => createIsolatedCubeApi(worker), [worker])}>
    <Orders />
  </CubeProvider>
);

function Orders() {
  const { resultSet } = useCubeQuery({ measures: ["Orders.count"] });
  return <p>{resultSet?.tablePivot().length}</p>;
}

export function useOwnApi(): CubeApi {
  const tokens = useCubeTokenManager({ endpoint: "/token" });
  return useMemo(() => createCubeApi(tokens, { apiUrl }), [tokens]);
}
