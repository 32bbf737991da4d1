import { signOut, superseded } from "../core/sign-out.js";
import type { CubeTokenError } from "../errors.js";
import { readRecord } from "../storage/record.js";
import type { Connection } from "./connection.js";

/** Applies another tab's sign-out. Erases this tab's stored token once more, as it may have been stored after that. */
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
  // An empty read may be stale, too: cookies and localStorage propagate between processes with a delay. A manager that
  // has signed in again has stored the new token, or is about to.
  if (!core.held && (!stored || stored.token === mine)) await storage.write(null);
}

/** Ends this manager: another identity has taken over the key in another tab. */
export const supersede = (connection: Connection) => signOutToo(connection, "identity", superseded());
