import { type Core, tell } from "../core/dispatch.js";
import { signOut, superseded } from "../core/sign-out.js";
import type { CubeTokenError } from "../errors.js";
import { readRecord } from "../storage/record.js";

/** Signs out the other tabs. Said also by a manager that does not listen: before its first call, and after a sign-out. */
export function announce(core: Core, at: number): void {
  const channel = core.shared!.channel;
  channel?.open();
  tell(core, { type: "cleared", at });
  if (core.phase !== "active") channel?.close();
}

/** Signed out by another tab. What this one has stored is erased once more: it may have been stored after that. */
export async function signOutToo(
  core: Core,
  phase: "idle" | "superseded",
  reason: CubeTokenError,
  at?: number,
): Promise<void> {
  const mine = core.held?.token.value;
  signOut(core, phase, reason, at);
  if (!mine) return;
  const stored = readRecord(await core.shared!.storage.read());
  // Nothing may also be a view that is behind: cookies and localStorage take their time from one process to another.
  if (!stored || stored.token === mine) await core.shared!.storage.write(null);
}

/** Another identity has taken over the key, in another tab. */
export const supersede = (core: Core) => signOutToo(core, "superseded", superseded());
