import { type Margins, type Plan, plan } from "./schedule.js";
import type { Token } from "./token.js";

/** The token in service, and the plan of its life. */
export interface Held extends Plan {
  readonly token: Token;
  /** What `getToken()` resolves to: one promise for all callers. */
  readonly promise: Promise<string>;
  /** Cube refused it. */
  readonly refused: boolean;
  /** Its place in the jitter; the tabs that share it know it by this. */
  readonly draw: number;
  /** When it was asked for, and when it came, on the local wall clock. */
  readonly since: number;
  readonly at: number;
}

/** Puts a token into service. @param receivedAt on the server's clock, as `expiresAt`. */
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

/** The token that serves should a refresh fail. */
export const live = ({ held }: { readonly held: Held | undefined }, now: number): Held | undefined =>
  held && !held.refused && now < held.expiresAt ? held : undefined;
