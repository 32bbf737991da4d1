import type { TokenProvider } from "../types.js";
import type { CubeConnection, CubeTransport, IsRejected } from "./transport.js";

/**
 * Over HTTP, and for transports of one's own: each attempt carries the token that is valid as it is sent. Several
 * managers may share the transport, for it reads the token in the same go.
 */
export const httpConnection = (
  transport: CubeTransport & { authorization?: string | undefined },
  tokens: TokenProvider,
  isRejected: IsRejected,
): CubeConnection => ({
  async open(signal, refused) {
    // Of an answer that was aborted as it was read nobody knows what it said.
    if (refused !== undefined && !signal?.aborted) tokens.invalidate(refused);
    return tokens.getToken({ signal });
  },
  isRejected,
  use(token) {
    // Not when it is the same: a setter may do more than to remember it.
    if (transport.authorization !== token) transport.authorization = token;
  },
  add: () => () => {},
  params: (params) => params,
});
