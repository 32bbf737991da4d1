import { HELLO } from "./messages.js";
import type { Listener, Port } from "./port.js";

/**
 * A `Worker`, a `SharedWorker`, or the port of anything that runs `serveCube`.
 *
 * @example
 * const worker: CubeWorker = new SharedWorker(new URL("./cube-worker.js", import.meta.url), { type: "module" });
 */
export type CubeWorker =
  | Port
  | {
      /**
       * The port of a `SharedWorker`.
       * @example
       * const worker: CubeWorker = { port: sharedWorker.port };
       */
      readonly port: Port;
    };

interface Signs {
  /** The worker listens from now on: earlier messages are lost. */
  begins(): void;
  /** Its script did not load, or (`throws`) it threw an uncaught error. */
  fails(throws: boolean): void;
  /** The page is being left, perhaps for the back/forward cache. */
  leaves(): void;
  /** The page was restored from that cache. */
  returns(): void;
}

type AnyWorker = Port & { port?: Port; terminate?(): void };

/** Listens to a worker. `end` stops that and, with `terminates`, a worker that is not shared. */
export function attach(worker: CubeWorker, { begins, fails, leaves, returns }: Signs) {
  const { port } = worker as AnyWorker;
  const target = (port ?? worker) as Port;
  const page = globalThis as Partial<Pick<Port, "addEventListener" | "removeEventListener">>;
  const heard: [Pick<Port, "removeEventListener">, string, Listener][] = [];
  const listen = (on: typeof page, type: string, listener: Listener) => {
    on.addEventListener?.(type, listener);
    heard.push([on as Port, type, listener]);
  };
  listen(target, "message", ({ data }: { data: unknown }) => data === HELLO && begins());
  listen(worker as Port, "error", (event: object) => fails("message" in event));
  // A shared worker outlives the page, and cannot detect that it is gone.
  if (port) {
    listen(page, "pagehide", leaves);
    listen(page, "pageshow", ({ persisted }: { persisted: boolean }) => persisted && returns());
  }
  target.start?.();
  return {
    post: (message: unknown, transfer: Transferable[]) => target.postMessage(message, transfer),
    end(terminates: boolean) {
      for (const [on, type, listener] of heard) on.removeEventListener?.(type, listener);
      if (terminates) (worker as AnyWorker).terminate?.();
    },
  };
}
