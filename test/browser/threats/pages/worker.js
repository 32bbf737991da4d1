/* global SECRET */
import { serveCube } from "cube-token-manager/isolated";

serveCube({
  endpoint: "/token",
  apiUrl: "/cubejs-api/v1",
  request: { headers: { "X-App-Secret": SECRET } },
});
