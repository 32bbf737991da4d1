// Not exported: bearerTokenAuthenticationPolicy keeps its tokens with it.
import { createTokenCycler } from "../node_modules/@azure/core-rest-pipeline/dist/esm/util/tokenCycler.js";

export async function create(token) {
  let answer = async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 });
  const make = () => createTokenCycler({ getToken: () => answer() });
  const cycler = make();
  const getToken = async (from = cycler) => (await from(["scope"], {})).token;
  await getToken();
  // It cannot be forced to refresh, so this is a new cycler whose source sends a request.
  answer = async () => {
    const { access_token, expires_in } = await (await fetch("/token")).json();
    return { token: access_token, expiresOnTimestamp: Date.now() + expires_in * 1000 };
  };
  const fresh = make();
  return { getToken: () => getToken(), refresh: () => getToken(fresh) };
}
