/** What both sides need of a `MessagePort`, a `Worker`, and a worker's own scope. */
export interface Port {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  // biome-ignore lint/suspicious/noExplicitAny: each of them has event types of its own.
  addEventListener(type: string, listener: (event: any) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: the same.
  removeEventListener(type: string, listener: (event: any) => void): void;
  start?(): void;
  close?(): void;
}

export type Listener = Parameters<Port["addEventListener"]>[1];
