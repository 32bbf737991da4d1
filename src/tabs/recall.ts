import { pace } from "../core/adopt.js";
import { hold } from "../core/held.js";
import type { Margins } from "../core/schedule.js";
import type { Change, Instant, State } from "../core/state.js";
import { readToken, type Token } from "../core/token.js";
import { readRecord, type TokenRecord } from "../storage/record.js";

/** Managers of two tabs made this close to each other are of the same age, as far as they can tell (ms). */
export const SAME_TIME = 2;
/** Wall clocks of one machine read so far into the future that somebody has set them back since (ms). */
const FUTURE = 1000;

/** A token as it was stored. */
export interface Stored extends TokenRecord {
  readonly parsed: Token;
}

/** What a manager decides by about a stored token, besides the time. */
type Reader = State & {
  readonly madeAt: number;
  readonly options: Margins & { readonly identity?: string | undefined };
};

/** What a stored record is to us: nothing, another identity's that came later or before, or a better token. */
export type Recalled = undefined | "successor" | "stranger" | Change;

/** `undefined` where there is nothing of use. */
export function readStored(text: string | null | undefined, wall?: number): Stored | undefined {
  const record = readRecord(text, wall);
  try {
    return record && { ...record, parsed: readToken(record.token) };
  } catch {
    return undefined;
  }
}

/** Whether its clock is the one that we have: of our user, and not set back since. */
export const tellsTime = ({ options }: Reader, { identity, at }: Stored, wall: number): boolean =>
  identity === options.identity && at <= wall + FUTURE;

/** @param wall the time now on the local wall clock. @param wanted whether a better token is. */
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
    // Theirs, if they came later, as far as a clock that may have been set tells; and if they are still there.
    const later = stored.madeAt - state.madeAt >= SAME_TIME && stored.madeAt <= wall;
    return later && expiresAt > now ? "successor" : "stranger";
  }
  // A record from the future: how old the token is nobody knows. One from before the sign-out: a tab that has not
  // heard of it yet.
  if (!wanted || !tellsTime(state, stored, wall) || (since < clearedAt && clearedAt <= wall))
    return undefined;
  // The same once more is news only where Cube refused it and the source has been asked again, or lets it live longer.
  if (stored.token === held?.token.value && !(held.refused ? at > held.at : expiresAt > held.expiresAt))
    return undefined;
  if (expiresAt <= now) return undefined;
  // The freshest wins: the one that lives longer, and of two alike the one that came later.
  const longer = !held || expiresAt > held.expiresAt || (expiresAt === held.expiresAt && at > held.at);
  if (!longer && !held.refused) return undefined;
  return {
    // The source is well again; refusals are forgotten only once a token has lived its life.
    ...(!held?.refused && {
      ...pace(elapsed + Math.min(at - wall, 0)),
      failures: 0,
      forgiven: state.failures,
    }),
    held: hold(parsed, Math.min(at + ahead, now), expiresAt, stored, options),
    // Should Cube refuse it, that counts as if this tab had asked for it.
    askedAt: elapsed,
  };
}
