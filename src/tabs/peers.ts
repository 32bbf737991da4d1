import type { Peers } from "../core/peers.js";
import type { Connection } from "./connection.js";
import { answered, lookUp, lookUpTwice, store } from "./persistence.js";

/**
 * What a manager does with its storage, and with the tabs that share it.
 *
 * @param connect called when it is first needed: the manager's constructor touches no global.
 */
export function createPeers(connect: () => Connection): Peers {
  let made: Connection | undefined;
  const connection = () => {
    made ??= connect();
    return made;
  };
  return {
    get failed() {
      return connection().failed;
    },
    open() {
      const { channel, tell } = connection();
      channel?.open();
      tell({ type: "started" });
    },
    close() {
      made?.lock?.release();
      made?.channel?.close();
    },
    tell: (notice) => connection().tell(notice),
    lookUp: (signal, wanted) => lookUp(connection(), signal, wanted),
    lookUpTwice: (signal) => lookUpTwice(connection(), signal),
    store: () => store(connection()),
    answered: (signal, isNew) => answered(connection(), signal, isNew),
    // Said also by a manager that does not listen: before its first call, and after a sign-out.
    announce(at) {
      const { core, channel, tell } = connection();
      channel?.open();
      tell({ type: "cleared", at });
      if (core.phase !== "active") channel?.close();
    },
    erase: () => connection().storage.write(null),
    get inTurn() {
      const { lock } = connection();
      return lock?.hold.bind(lock);
    },
  };
}
