import { type Margins, plan } from "./schedule.js";
import type { Held } from "./state.js";
import type { Token } from "./token.js";

/** Puts a token into service. @param receivedAt on the server's clock, like `expiresAt`. */
export const hold = (
  token: Token,
  receivedAt: number,
  expiresAt: number,
  { draw, since, at }: Pick<Held, "draw" | "since" | "at">,
  margins: Margins,
): Held => ({
  ...plan(receivedAt, expiresAt, draw, margins),
  token,
  promise: Promise.resolve(token.value),
  refused: false,
  draw,
  since,
  at,
});
