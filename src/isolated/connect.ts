import type { CubeWorker } from "./attach.js";
import { Connection } from "./connection.js";
import type { Port } from "./port.js";

const connections = new WeakMap<object, Connection>();

/** Returns the connection of this worker, or of this function that starts one. */
export function connect(worker: CubeWorker | (() => CubeWorker), caller: string): Connection {
  const { port = worker } = (worker ?? {}) as { port?: Port };
  if (typeof worker !== "function" && typeof (port as Port | undefined)?.postMessage !== "function") {
    throw new TypeError(`${caller}: pass a Worker, a SharedWorker, or a function that starts one.`);
  }
  const connection = connections.get(worker) ?? new Connection(worker);
  connections.set(worker, connection);
  return connection;
}
