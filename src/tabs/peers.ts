import type { Peers } from "../core/peers.js";
import { confirm } from "./confirm.js";
import type { Connection } from "./connection.js";
import { answered, lookUp, lookUpTwice, recallNow, store } from "./persistence.js";

/** What a manager does with its storage, and with the tabs that share it. */
export function createPeers(connection: Connection): Peers {
  const { core, storage, channel, lock, tell } = connection;
  return {
    get failed() {
      return connection.failed;
    },
    open() {
      clearTimeout(connection.timer);
      channel?.open();
      tell({ type: "started" });
      confirm(connection);
    },
    close() {
      clearTimeout(connection.timer);
      lock?.release();
      channel?.close();
    },
    tell,
    recallNow: () => recallNow(connection),
    lookUp: (signal, wanted) => lookUp(connection, signal, wanted),
    lookUpTwice: (signal) => lookUpTwice(connection, signal),
    store: () => store(connection),
    answered: (signal, isNew) => answered(connection, signal, isNew),
    // Said also by a manager that does not listen: before its first call, and after a sign-out.
    announce(at) {
      channel?.open();
      tell({ type: "cleared", at });
      if (core.phase !== "active") channel?.close();
    },
    erase: () => storage.write(null),
    inTurn:
      lock &&
      ((...args) => {
        const turn = lock.hold(...args).finally(() => {
          connection.turn = undefined;
        });
        connection.turn = turn;
        return turn;
      }),
  };
}
