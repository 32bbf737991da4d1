import type { TokenProvider } from "../types.js";
import type { CubeTransport, Line } from "./transport.js";

/** Over HTTP, and for transports of one's own: each attempt carries the token that is valid as it is sent. */
export const httpLine = (
  transport: CubeTransport & { authorization?: string | undefined },
  tokens: TokenProvider,
): Line => ({
  open: (signal) => tokens.getToken({ signal }),
  use(token) {
    // Not when it is the same: a setter may do more than to remember it.
    if (transport.authorization !== token) transport.authorization = token;
  },
  enter: () => () => {},
  params: (params) => params,
});
