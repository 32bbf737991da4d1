import type { GetTokenOptions, TokenEvent, TokenProvider } from "../../src/types.js";

/** A manager as the integrations see it: returns "t1" until that is invalidated, then "t2", and so on. */
export class Provider implements TokenProvider {
  serial = 1;
  /** What `getToken()` rejects with, if set. */
  failure: unknown;
  /** `getToken()` waits for it. */
  gate: Promise<void> | undefined;
  /** Whether a refused token is replaced by another. */
  replaces = true;
  readonly invalidated: (string | undefined)[] = [];
  readonly asked: (GetTokenOptions | undefined)[] = [];
  readonly listeners = new Set<(event: TokenEvent) => void>();

  readonly getToken = async (options?: GetTokenOptions): Promise<string> => {
    this.asked.push(options);
    await this.gate;
    if (this.failure) throw this.failure;
    return `t${this.serial}`;
  };

  readonly invalidate = (token?: string): void => {
    this.invalidated.push(token);
    if (this.replaces && token === `t${this.serial}`) this.serial++;
  };

  readonly getSnapshot = () => ({ status: "empty", refreshing: false }) as const;

  readonly subscribe = (listener: (event: TokenEvent) => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Switches to another token. */
  refresh(): void {
    this.serial++;
    this.emit({ type: "refreshed", from: "source" });
  }

  emit(event: TokenEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}
