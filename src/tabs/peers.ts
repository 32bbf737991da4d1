import type { Peers } from "../core/peers.js";
import { confirm } from "./confirm.js";
import type { Connection } from "./connection.js";
import type { News } from "./messages.js";
import { answered, lookUp, lookUpTwice, recallNow, store } from "./persistence.js";

/** What a manager does with its storage, and with the tabs that share it. */
export class SharedPeers implements Peers {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get failed(): boolean {
    return this.#connection.failed;
  }

  open(): void {
    const connection = this.#connection;
    clearTimeout(connection.timer);
    connection.channel?.open();
    this.tell({ type: "started" });
    confirm(connection);
  }

  close(): void {
    const { timer, lock, channel } = this.#connection;
    clearTimeout(timer);
    lock?.release();
    channel?.close();
  }

  tell(news: News): void {
    this.#connection.tell(news);
  }

  recallNow(): boolean {
    return recallNow(this.#connection);
  }

  lookUp(signal: AbortSignal, wanted?: boolean): Promise<boolean> {
    return lookUp(this.#connection, signal, wanted);
  }

  lookUpTwice(signal: AbortSignal): Promise<boolean> {
    return lookUpTwice(this.#connection, signal);
  }

  store(): Promise<void> {
    return store(this.#connection);
  }

  answered(signal: AbortSignal, isNew: boolean): Promise<void> {
    return answered(this.#connection, signal, isNew);
  }

  /** Said also by a manager that does not listen: before its first call, and after a sign-out. */
  announce(at: number): void {
    const { core, channel } = this.#connection;
    channel?.open();
    this.tell({ type: "cleared", at });
    if (core.phase !== "active") channel?.close();
  }

  erase(): Promise<void> {
    return this.#connection.storage.write(null);
  }

  get inTurn(): Peers["inTurn"] {
    const connection = this.#connection;
    return (
      connection.lock &&
      ((...args) => {
        const turn = connection.lock!.hold(...args).finally(() => {
          connection.turn = undefined;
        });
        connection.turn = turn;
        return turn;
      })
    );
  }
}
