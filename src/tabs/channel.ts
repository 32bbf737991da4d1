import { type News, readNews, type Sender, VERSION } from "./messages.js";

/**
 * Connects the tabs and workers of one origin that share a storage key. Where BroadcastChannel is absent or not allowed,
 * nothing is sent or received.
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
    // Not allowed in some sandboxes, and absent from some old web views.
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

  /** Sends a message; nothing while the channel is closed, here or by the browser. */
  tell(news: News & Sender): void {
    try {
      this.#channel?.postMessage({ v: VERSION, ...news });
    } catch {}
  }

  /** Stops listening. Messages already sent still reach the other tabs. */
  close(): void {
    try {
      this.#channel?.close();
    } catch {}
    this.#channel = undefined;
  }
}
