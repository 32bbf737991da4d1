import { signOut, superseded } from "../core/sign-out.js";
import type { CubeTokenError } from "../errors.js";
import { readRecord } from "../storage/record.js";
import type { Connection } from "./connection.js";

/** Signed out by another tab. What this one has stored is erased once more: it may have been stored after that. */
export async function signOutToo(
  { core, storage }: Connection,
  from: "tab" | "identity",
  reason: CubeTokenError,
  at?: number,
): Promise<void> {
  const mine = core.held?.token.value;
  signOut(core, from, reason, at);
  if (!mine) return;
  const stored = readRecord(await storage.read());
  // Nothing may also be a view that is behind: cookies and localStorage take their time from one process to another.
  // Signed in again meanwhile, it has stored that token, or is about to.
  if (!core.held && (!stored || stored.token === mine)) await storage.write(null);
}

/** Another identity has taken over the key, in another tab. */
export const supersede = (connection: Connection) => signOutToo(connection, "identity", superseded());
