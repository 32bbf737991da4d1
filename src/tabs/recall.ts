import { pace } from "../core/adopt.js";
import { hold } from "../core/held.js";
import type { Margins } from "../core/schedule.js";
import type { Change, Instant, State } from "../core/state.js";
import { readToken, type Token } from "../core/token.js";
import { readRecord, type TokenRecord } from "../storage/record.js";

/** Managers of two tabs that were created this close to each other count as the same age (ms). */
export const SAME_TIME = 2;
/** A time further in the future than this means that the machine's wall clock has been set back since (ms). */
const FUTURE = 1000;

/** A stored record with its token parsed. */
export interface Stored extends TokenRecord {
  readonly parsed: Token;
}

/** What a decision about a stored token depends on, besides the time. */
type Reader = State & {
  readonly madeAt: number;
  readonly options: Margins & { readonly identity?: string | undefined };
};

/** What a stored record means: nothing, a token of a later or earlier identity, or a better token. */
export type Recalled = undefined | "successor" | "stranger" | Change;

/** `undefined` if there is no usable record. */
export function readStored(text: string | null | undefined, wall?: number): Stored | undefined {
  const record = readRecord(text, wall);
  try {
    return record && { ...record, parsed: readToken(record.token) };
  } catch {
    return undefined;
  }
}

/** Whether the record's clock offset applies: same identity, and the wall clock has not been set back since. */
export const tellsTime = ({ options }: Reader, { identity, at }: Stored, wall: number): boolean =>
  identity === options.identity && at <= wall + FUTURE;

/** @param wall the time now on the local wall clock. @param wanted whether a better token is wanted. */
export function recall(
  state: Reader,
  stored: Stored,
  { now, elapsed }: Instant,
  wall: number,
  wanted: boolean,
): Recalled {
  const { held, clearedAt, options } = state;
  const { parsed, at, ahead, since } = stored;
  const expiresAt = parsed.exp ?? stored.expiresAt ?? Infinity;
  if (stored.identity !== options.identity) {
    // The other manager owns the key if it was created later, by a clock that may have been set, and its token is valid.
    const later = stored.madeAt - state.madeAt >= SAME_TIME && stored.madeAt <= wall;
    return later && expiresAt > now ? "successor" : "stranger";
  }
  // A record from the future: its token's age is unknown. One from before the sign-out: its tab has not received the
  // sign-out yet.
  if (!wanted || !tellsTime(state, stored, wall) || (since < clearedAt && clearedAt <= wall))
    return undefined;
  // The same token counts only if Cube refused it and the source has returned it again, or if it now expires later.
  if (stored.token === held?.token.value && !(held.refused ? at > held.at : expiresAt > held.expiresAt))
    return undefined;
  if (expiresAt <= now) return undefined;
  // The freshest wins: the one that expires later; on a tie the one that arrived later.
  const longer = !held || expiresAt > held.expiresAt || (expiresAt === held.expiresAt && at > held.at);
  if (!longer && !held.refused) return undefined;
  return {
    // The source has recovered. After a refusal, that takes a token that Cube accepts until its refresh is due.
    ...(!held?.refused && {
      ...pace(elapsed + Math.min(at - wall, 0)),
      failures: 0,
      forgiven: state.failures,
    }),
    held: hold(parsed, Math.min(at + ahead, now), expiresAt, stored, options),
    // If Cube refuses it, that counts as if this tab had requested it.
    askedAt: elapsed,
  };
}
