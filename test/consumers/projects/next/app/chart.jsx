"use client";

import { CubeTokenManager, embeddedToken } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken } from "cube-token-manager/react";
import { useEffect, useState } from "react";

const tokens = new CubeTokenManager({ endpoint: "/token", initialToken: embeddedToken() });

export function Chart() {
  const { status } = useCubeToken(tokens);
  const [count, setCount] = useState("none");
  useEffect(() => {
    createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" })
      .load({ measures: ["Things.count"] })
      .then((resultSet) => setCount(resultSet.rawData()[0]["Things.count"]));
  }, []);
  return (
    <p>
      {status}, count: {count}
    </p>
  );
}
