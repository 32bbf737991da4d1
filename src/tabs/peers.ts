import type { Peers } from "../core/peers.js";
import { confirm } from "./confirm.js";
import type { Connection } from "./connection.js";
import { answered, lookUp, lookUpTwice, recallNow, store } from "./persistence.js";

/** Connects the core to a manager's storage, and to the tabs that share it. */
export const createPeers = (connection: Connection): Peers => ({
  open() {
    clearTimeout(connection.timer);
    connection.tabs().channel?.open();
    connection.tell({ type: "started" });
    confirm(connection);
  },
  close() {
    clearTimeout(connection.timer);
    const { lock, channel } = connection.tabs();
    lock?.release();
    channel?.close();
  },
  tell: (notice) => connection.tell(notice),
  recallNow: () => recallNow(connection),
  lookUp: (signal, wanted) => lookUp(connection, signal, wanted),
  lookUpTwice: (signal) => lookUpTwice(connection, signal),
  store: () => store(connection),
  answered: (signal, isNew) => answered(connection, signal, isNew),
  // Also sent by a manager that does not listen: before its first call, and after a sign-out.
  announce(at) {
    const { channel } = connection.tabs();
    channel?.open();
    connection.tell({ type: "cleared", at });
    if (connection.core.phase !== "active") channel?.close();
  },
  erase: () => connection.storage.write(null),
  isShared: () => !!connection.tabs().lock,
  inTurn(...args) {
    const turn = connection
      .tabs()
      .lock!.hold(...args)
      .finally(() => {
        connection.turn = undefined;
      });
    connection.turn = turn;
    return turn;
  },
  hasFailed: () => connection.failed,
});
