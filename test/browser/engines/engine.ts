import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One tab of a profile. */
export interface Tab {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  back(): Promise<void>;
  /** Runs an expression in the page, waits for it if it is a promise, and resolves to its value (as JSON). */
  run<T = unknown>(expression: string): Promise<T>;
  /** The same in the frame that this selector finds, whatever its origin; nothing is waited for there. */
  runInFrame<T = unknown>(selector: string, expression: string): Promise<T>;
  /** Brings it to the front; the others are hidden, where the engine does that without a screen. */
  show(): Promise<void>;
  close(): Promise<void>;
  /** The renderer dies. */
  crash?(): Promise<void>;
  /** The page stands still: no timer, no message, no answer. */
  freeze?(frozen: boolean): Promise<void>;
  /** How many objects have this expression's value as their prototype, after a garbage collection. */
  countObjects?(prototype: string): Promise<number>;
}

export interface Cookie {
  name: string;
  path: string | undefined;
  sameSite: string | undefined;
  secure: boolean | undefined;
  /** Seconds since the epoch. */
  expires: number | undefined;
}

/** A running browser with one profile: its tabs share storage, locks and channels. */
export interface Browser {
  /** Opens `url` in a new tab. */
  open(url: string): Promise<Tab>;
  cookies(tab: Tab): Promise<Cookie[]>;
  /** No network for any tab. */
  offline?(offline: boolean): Promise<void>;
  /** So many bytes and no more for an origin's IndexedDB. */
  limitQuota?(tab: Tab, origin: string, bytes: number): Promise<void>;
  /** The browser throws away what an origin has stored, and closes its connections. */
  clearOrigin?(tab: Tab, origin: string): Promise<void>;
  /** A tab of a private window. */
  openPrivate?(url: string): Promise<Tab>;
  /** As its maker counts, where the page's `navigator.userAgent` does not say it. */
  version?: string;
  close(): Promise<void>;
}

export interface LaunchOptions {
  /** A certificate that nobody has signed but itself, and that is good enough. */
  certificate?: string;
  /** A frame of another site has no cookies but those that are `Partitioned`; with `false` it has, where that can be set. */
  blockThirdParty?: boolean;
  /** The folder of a profile that outlives the browser. */
  profile?: string;
  /** The folder of an extension that is installed. */
  extension?: string;
}

export interface Engine {
  name: "Chromium" | "Firefox" | "WebKit";
  /** The address of this machine that is no localhost, so that plain http is not secure there. */
  intranet: string;
  /** Which of the options it takes, as it is driven here. */
  takes: readonly (keyof LaunchOptions)[];
  launch(options?: LaunchOptions): Promise<Browser>;
}

/** An empty folder for a profile. */
export function makeProfile(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "profile-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
