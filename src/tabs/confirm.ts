import { emit } from "../core/dispatch.js";
import { cleared } from "../core/sign-out.js";
import { live } from "../core/state.js";
import type { Connection } from "./connection.js";
import { GRACE } from "./lock.js";
import { take } from "./persistence.js";
import { signOutToo } from "./remote-sign-out.js";

/**
 * Checks a token that was returned before this tab listened to the others: the storage shows whether one of them has
 * signed out. It is read twice, because another tab's write may arrive after its message.
 */
export function confirm(connection: Connection): void {
  const { core, storage, early } = connection;
  connection.early = undefined;
  if (early === undefined || !connection.tabs().channel) return;
  const look = () => {
    const isOurs = core.held?.token.value === early && live(core, core.clock.now());
    const text = isOurs ? storage.readNow() : undefined;
    if (text === null) signOutToo(connection, "tab", cleared());
    else if (take(connection, text)) emit(core, { type: "refreshed", from: "storage" });
  };
  connection.timer = setTimeout(look, GRACE);
  look();
}
