import { abortable, throwIfAborted } from "../core/abort.js";
import { type Core, set, tell } from "../core/dispatch.js";
import { writeRecord } from "../storage/record.js";
import { GRACE, locks } from "./lock.js";
import { recall } from "./recall.js";
import { supersede } from "./remote-sign-out.js";

/** Stores the token that is held. */
export function store({ clock, options, shared, held, madeAt }: Core): Promise<void> {
  const { token, expiresAt, draw, since, at } = held!;
  const ahead = Math.round(clock.ahead());
  const record = {
    token: token.value,
    at,
    ahead,
    draw,
    madeAt,
    since,
    expiresAt: token.exp === undefined && expiresAt !== Infinity ? expiresAt : undefined,
    identity: options.identity,
  };
  return shared!.storage.write(token.value ? writeRecord(record) : null, expiresAt - ahead);
}

/** Takes over a stored token, if it is better than what we have; whether it did, and calls are served again. */
export function take(core: Core, text: string | null, wanted = true): boolean {
  const recalled = recall(core, text, Date.now(), wanted);
  if (recalled === "successor" && core.shared!.channel) supersede(core);
  else if (typeof recalled === "string") core.shared!.storage.write(null);
  else if (recalled) {
    set(core, recalled);
    // In its last moments it only serves should the source fail.
    return core.clock.now() < core.held!.usableUntil;
  }
  return false;
}

/** Looks into the storage; with `wanted` false only whose the token there is. Rejects once `signal` is aborted. */
export async function lookUp(core: Core, signal: AbortSignal, wanted?: boolean): Promise<boolean> {
  const text = await abortable(core.shared!.storage.read(), signal);
  // What is settled may be followed by a sign-out before this function goes on.
  throwIfAborted(signal);
  const taken = take(core, text, wanted);
  throwIfAborted(signal);
  return taken;
}

/** The same after another tab's news, which may be faster than the token. */
export async function lookUpTwice(core: Core, signal: AbortSignal): Promise<boolean> {
  if (await lookUp(core, signal)) return true;
  await abortable(new Promise((resolve) => setTimeout(resolve, GRACE)), signal);
  return lookUp(core, signal);
}

/** The source has answered: another token (`isNew`), or the one that is held. */
export async function answered(core: Core, signal: AbortSignal, isNew: boolean): Promise<void> {
  const { turn } = core.shared!;
  if (!isNew) tell(core, { type: "unchanged", draw: core.held!.draw });
  // Another user may have signed in meanwhile, whose token must stay in the storage.
  if (turn) await lookUp(core, signal, false);
  if (!isNew) return;
  throwIfAborted(signal);
  const stored = store(core).then(() => tell(core, { type: "refreshed" }));
  // Only other tabs wait for the storage. Without locks they cannot.
  if (turn && locks()) await stored;
}
