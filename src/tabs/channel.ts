import { type News, readNews, type Sender, VERSION } from "./messages.js";

/**
 * How the tabs, and workers, of one origin that share a storage under one key talk. Where there is no BroadcastChannel,
 * or it is not allowed, nothing is heard or said.
 */
export class Channel {
  readonly #key: string;
  readonly #hear: (news: News & Sender) => void;
  #channel: BroadcastChannel | undefined;

  constructor(key: string, hear: (news: News & Sender) => void) {
    this.#key = key;
    this.#hear = hear;
  }

  /** Starts listening. */
  open(): void {
    if (this.#channel) return;
    // Not allowed in some sandboxes, and absent in some old web views.
    try {
      const channel = new BroadcastChannel(`cube-token-manager:${this.#key}`);
      channel.onmessage = ({ data }) => {
        const news = readNews(data);
        if (news && this.#channel === channel) this.#hear(news);
      };
      // On Node it must not keep the process alive.
      (channel as { unref?(): void }).unref?.();
      this.#channel = channel;
    } catch {}
  }

  /** Says nothing while it is closed, or where the browser has closed it. */
  tell(news: News & Sender): void {
    try {
      this.#channel?.postMessage({ v: VERSION, ...news });
    } catch {}
  }

  /** Stops listening. What was said before still reaches the others. */
  close(): void {
    try {
      this.#channel?.close();
    } catch {}
    this.#channel = undefined;
  }
}
