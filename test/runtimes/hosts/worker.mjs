/** Cloudflare Workers: the scenario in one request, and a manager at module level that requests share. */
import { CubeTokenManager, customStorage, isCubeTokenError, withTokens } from "cube-token-manager";
import { scenario } from "../scenario.mjs";

let requests = 0;
let shared;

export default {
  async fetch(request, { url }) {
    const { pathname, searchParams } = new URL(request.url);
    shared ??= new CubeTokenManager({
      endpoint: `${url}/token?run=shared&user=eve`,
      requestTimeout: 1000,
      retries: 0,
    });
    requests++;
    try {
      if (pathname === "/scenario") {
        const library = { CubeTokenManager, customStorage, isCubeTokenError, withTokens };
        return Response.json(await scenario(library, { url, run: searchParams.get("run") }));
      }
      // A request finds a stale token: the refresh starts, and its timers and its fetch end with the request.
      const token = await shared.getToken();
      return Response.json({ token, requests, exp: shared.getSnapshot().claims.exp });
    } catch (error) {
      return Response.json({ error: String(error.stack ?? error) }, { status: 500 });
    }
  },
};
