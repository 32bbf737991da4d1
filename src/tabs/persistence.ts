import { abortable, throwIfAborted } from "../core/abort.js";
import { update } from "../core/dispatch.js";
import { writeRecord } from "../storage/record.js";
import type { Connection } from "./connection.js";
import { GRACE, locks } from "./lock.js";
import { readStored, recall, tellsTime } from "./recall.js";
import { supersede } from "./remote-sign-out.js";

/** Stores the current token. */
export function store({ core, storage }: Connection): Promise<void> {
  const { clock, options, held, madeAt } = core;
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
  return storage.write(token.value ? writeRecord(record) : null, expiresAt - ahead);
}

/** Takes over a stored token if it is better than the current one. Returns whether calls can be served with it. */
export function take(connection: Connection, text: string | null | undefined, wanted = true): boolean {
  const { core, storage } = connection;
  const wall = Date.now();
  const stored = readStored(text, wall);
  if (!stored) return false;
  if (tellsTime(core, stored, wall)) core.clock.restore(stored.ahead, stored.parsed);
  const recalled = recall(core, stored, core.clock.read(), wall, wanted);
  if (recalled === "successor" && connection.tabs().channel) supersede(connection);
  else if (typeof recalled === "string") storage.write(null);
  else if (recalled) {
    update(core, recalled);
    // Shortly before it expires, it is only a fallback in case the source fails.
    return core.clock.now() < core.held!.usableUntil;
  }
  return false;
}

/** Takes over the token of a synchronous storage. Connecting takes ten times as long and follows in a task of its own. */
export function recallNow(connection: Connection): boolean {
  const { core, storage } = connection;
  if (!take(connection, storage.readNow())) return false;
  connection.early = core.held!.token.value;
  connection.timer = setTimeout(() => core.connect?.());
  (connection.timer as { unref?(): void }).unref?.();
  return true;
}

/** Looks in the storage; with `wanted` false it only checks whose token is there. Rejects once `signal` is aborted. */
export async function lookUp(
  connection: Connection,
  signal: AbortSignal,
  wanted?: boolean,
): Promise<boolean> {
  const text = await abortable(connection.storage.read(), signal);
  // A sign-out may come between the settling of that promise and here.
  throwIfAborted(signal);
  const taken = take(connection, text, wanted);
  throwIfAborted(signal);
  return taken;
}

/** The same after a message of another tab, which may arrive before the stored token. */
export async function lookUpTwice(connection: Connection, signal: AbortSignal): Promise<boolean> {
  if (await lookUp(connection, signal)) return true;
  await abortable(new Promise((resolve) => setTimeout(resolve, GRACE)), signal);
  return lookUp(connection, signal);
}

/** Called when the source has answered with another token (`isNew`) or with the current one. */
export async function answered(connection: Connection, signal: AbortSignal, isNew: boolean): Promise<void> {
  const { core } = connection;
  const { lock } = connection.tabs();
  if (!isNew) connection.tell({ type: "unchanged", draw: core.held!.draw });
  // Another user may have signed in since, whose token must stay in the storage.
  if (lock) await lookUp(connection, signal, false);
  if (!isNew) return;
  throwIfAborted(signal);
  const stored = store(connection).then(() => connection.tell({ type: "refreshed" }));
  // The wait is for other tabs only. Without locks they do not wait for this one.
  if (lock && locks()) await stored;
}
