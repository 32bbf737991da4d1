const { CubeTokenManager, isCubeTokenError } = require("cube-token-manager");
const { createCubeApi } = require("cube-token-manager/cube");
const { useCubeToken } = require("cube-token-manager/react");

const { apiUrl, token } = process.env;
const tokens = new CubeTokenManager({ fetchToken: async () => token });
createCubeApi(tokens, { apiUrl })
  .load({ measures: ["Things.count"] })
  .then(async (resultSet) => {
    tokens.dispose();
    const error = await tokens.getToken().catch((error) => error);
    console.log(resultSet.rawData()[0]["Things.count"], isCubeTokenError(error), typeof useCubeToken);
  });
