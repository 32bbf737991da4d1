/**
 * The members of a `MessagePort`, a `Worker` and a worker's scope that both sides need.
 *
 * @example
 * // Without a worker, as in a test.
 * const { port1, port2 } = new MessageChannel();
 * serveCube({ endpoint: "https://app.example.com/token", apiUrl: "https://cube.example.com/cubejs-api/v1" }, port1);
 * const cubeApi = createIsolatedCubeApi(port2);
 */
export interface Port {
  /**
   * Sends a message.
   * @example
   * port.postMessage(bytes, [bytes.buffer]);
   */
  postMessage(message: unknown, transfer?: Transferable[]): void;
  /**
   * Listens to `"message"`, a worker's `"error"`, a shared worker scope's `"connect"` or a port's `"close"`.
   * @example
   * port.addEventListener("message", ({ data }) => console.debug(data));
   */
  // biome-ignore lint/suspicious/noExplicitAny: each of them has its own event types.
  addEventListener(type: string, listener: (event: any) => void): void;
  /**
   * Removes a listener.
   * @example
   * port.removeEventListener("message", onMessage);
   */
  // biome-ignore lint/suspicious/noExplicitAny: the same.
  removeEventListener(type: string, listener: (event: any) => void): void;
  /**
   * Starts the delivery of messages. A `MessagePort` needs it.
   * @example
   * port.start?.();
   */
  start?(): void;
  /**
   * Closes a `MessagePort`.
   * @example
   * port.close?.();
   */
  close?(): void;
}

export type Listener = Parameters<Port["addEventListener"]>[1];
