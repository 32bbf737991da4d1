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
  /** The worker has begun to listen: what was said before that is lost. */
  begins(): void;
  /** Its script did not load, or (`throws`) an error in it was not caught. */
  fails(throws: boolean): void;
  /** The page goes, perhaps into the back/forward cache. */
  leaves(): void;
  /** The page comes out of it. */
  returns(): void;
}

type AnyWorker = Port & { port?: Port; terminate?(): void };

/** Listens to a worker. `stop` ends that; `end` also ends the worker, if it is this page's alone. */
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
  // A shared worker outlives the page, and cannot see that it is gone.
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
