import { hold } from "../core/held.js";
import { AT_ONCE, type Change, type Known } from "../core/state.js";
import { readToken, type Token } from "../core/token.js";
import { readRecord } from "../storage/record.js";

/** Managers of two tabs made this close to each other are of the same age, as far as they can tell (ms). */
export const SAME_TIME = 2;

/** What a stored record is to us: nothing, another identity's that came later or before, or a better token. */
export type Recalled = undefined | "successor" | "stranger" | Change;

/** @param wall the time now on the local wall clock. @param wanted whether a better token is. */
export function recall(state: Known, text: string | null, wall: number, wanted: boolean): Recalled {
  const record = readRecord(text, wall);
  if (!record) return undefined;
  let token: Token;
  try {
    token = readToken(record.token);
  } catch {
    return undefined;
  }
  const { at, ahead } = record;
  const { clock, held, clearedAt, options } = state;
  const expiresAt = token.exp ?? record.expiresAt ?? Infinity;
  if (record.identity !== options.identity) {
    // Theirs, if they came later, as far as a clock that may have been set tells; and if they are still there.
    const later = record.madeAt - state.madeAt >= SAME_TIME && record.madeAt <= wall;
    return later && expiresAt > clock.now() ? "successor" : "stranger";
  }
  // A record from the future: the clock was set back since, and how old the token is nobody knows. One from before
  // the sign-out: a tab that has not heard of it yet.
  if (!wanted || at > wall + 1000 || (record.since < clearedAt && clearedAt <= wall)) return undefined;
  // The same once more is news only where Cube refused it: the source has been asked again.
  if (record.token === held?.token.value && !(held.refused && at > held.at)) return undefined;
  clock.restore(ahead);
  clock.atLeast(token);
  const { now, elapsed } = clock.read();
  if (expiresAt <= now) return undefined;
  // The freshest wins: the one that lives longer, and of two alike the one that came later.
  const longer = !held || expiresAt > held.expiresAt || (expiresAt === held.expiresAt && at > held.at);
  if (!longer && !held.refused) return undefined;
  return {
    // The source is well again; refusals are forgotten only once a token has lived its life.
    ...(!held?.refused && { ...AT_ONCE, failures: 0 }),
    held: hold(token, at + ahead, expiresAt, record, options),
    // Should Cube refuse it, that counts as if this tab had asked for it.
    askedAt: elapsed,
  };
}
