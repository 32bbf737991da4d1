import type { CubeApi, CubeApiOptions } from "@cubejs-client/core";
import type { WithTokensOptions } from "../../src/cube/with-tokens.js";
import { createIsolatedCubeApi, isolatedTokens } from "../../src/isolated/page.js";
import { remember } from "../../src/isolated/scrub.js";
import { serve } from "../../src/isolated/serve.js";
import type { TokenProvider } from "../../src/types.js";

type Create = (tokens: TokenProvider, options: CubeApiOptions & WithTokensOptions) => CubeApi;

/** `createCubeApi`, with a worker in between: the two sides communicate over a real pair of ports. */
export const throughWorker =
  (createCubeApi: Create): Create =>
  (tokens, { signal, pollInterval, parseDateMeasures, castNumerics, networkErrorRetries, ...options }) => {
    const page = { signal, pollInterval, parseDateMeasures, castNumerics, networkErrorRetries };
    const remembered = typeof tokens?.getToken === "function" ? remember(tokens) : undefined;
    const api = createCubeApi((remembered?.tokens ?? tokens) as never, options);
    const { port1, port2 } = new MessageChannel();
    serve(port2, {
      // biome-ignore lint/complexity/useLiteralKeys: protected.
      transport: api["transport"] as never,
      tokens: remembered!.tokens,
      scrub: remembered!.scrub,
      fetchTimeout: options.fetchTimeout,
    });
    isolatedTokens(port1);
    return createIsolatedCubeApi(
      port1,
      Object.fromEntries(Object.entries(page).filter(([, value]) => value !== undefined)),
    );
  };
