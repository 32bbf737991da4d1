import type { TokenProvider } from "../types.js";
import type { CubeConnection, CubeTransport, IsRejected } from "./transport.js";

/**
 * For HTTP and for custom transports: each attempt carries the token that is valid when it is sent. Several managers may
 * share the transport, because it reads the token synchronously.
 */
export const httpConnection = (
  transport: CubeTransport & { authorization?: string | undefined },
  tokens: TokenProvider,
  isRejected: IsRejected,
): CubeConnection => ({
  async open(signal, refused) {
    // If reading was aborted, it is unknown whether the token was rejected.
    if (refused !== undefined && !signal?.aborted) tokens.invalidate(refused);
    return tokens.getToken({ signal });
  },
  isRejected,
  use(token) {
    // Only if it differs: a setter may have side effects.
    if (transport.authorization !== token) transport.authorization = token;
  },
  add: () => () => {},
  params: (params) => params,
});
