import { CubeTokenManager, isCubeTokenError } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";
import { useCubeToken } from "cube-token-manager/react";

const { apiUrl, token } = process.env;
const tokens = new CubeTokenManager({ fetchToken: async () => token });
const resultSet = await createCubeApi(tokens, { apiUrl }).load({ measures: ["Things.count"] });
tokens.dispose();
const error = await tokens.getToken().catch((error) => error);
console.log(resultSet.rawData()[0]["Things.count"], isCubeTokenError(error), typeof useCubeToken);
