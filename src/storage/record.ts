import { MAX_PLACE } from "../core/schedule.js";

/** What is kept of a token. Its expiry is not: that is read from the token again, unless only the endpoint knew it. */
export interface TokenRecord {
  readonly token: string;
  /** When it came, on the local wall clock. */
  readonly at: number;
  /** How far the server's clock was ahead of the local one then, in milliseconds. */
  readonly ahead: number;
  /** This token's place in the jitter, between 0 and 2. */
  readonly draw: number;
  /** For a token that does not say so itself: its expiry on the server's clock. */
  readonly expiresAt?: number | undefined;
  readonly identity?: string | undefined;
  /** When the manager that stored it was made, on the local wall clock. */
  readonly madeAt: number;
  /** When the token was asked for, on the local wall clock. */
  readonly since: number;
}

/** Raised when the meaning of a field changes; a record of another version counts as absent. */
const VERSION = 1;

export const writeRecord = (record: TokenRecord): string => JSON.stringify({ v: VERSION, ...record });

/** `undefined` for anything that {@link writeRecord} did not write. */
export function readRecord(text: string | null): TokenRecord | undefined {
  let value: (TokenRecord & { v: number }) | null;
  try {
    value = JSON.parse(text ?? "null");
  } catch {
    return undefined;
  }
  if (value?.v !== VERSION || typeof value.token !== "string") return undefined;
  const { at, ahead, draw, expiresAt = 0, madeAt, since } = value;
  const areNumbers = [at, ahead, draw, expiresAt, madeAt, since].every(Number.isFinite);
  return areNumbers && draw >= 0 && draw <= MAX_PLACE ? value : undefined;
}
