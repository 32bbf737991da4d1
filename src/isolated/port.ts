// biome-ignore lint/suspicious/noExplicitAny: each of them has event types of its own.
export type Listener = (event: any) => void;

/** What both sides need of a `MessagePort`, a `Worker`, and a worker's own scope. */
export interface Port {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: string, listener: Listener): void;
  removeEventListener(type: string, listener: Listener): void;
  start?(): void;
  close?(): void;
}
