import { CubeTokenManager, webStorage } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";

const tokens = new CubeTokenManager({ endpoint: "/token", storage: webStorage("session") });
const cubeApi = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
cubeApi.load({ measures: ["Things.count"] }).then((resultSet) => {
  document.body.textContent = `count: ${resultSet.rawData()[0]["Things.count"]}`;
});
