import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One tab of a profile. */
export interface Tab {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  back(): Promise<void>;
  /** Runs an expression in the page, awaits it if it is a promise, and resolves to its value (as JSON). */
  run<T = unknown>(expression: string): Promise<T>;
  /** The same in the frame that this selector finds, whatever its origin, but without awaiting a promise. */
  runInFrame<T = unknown>(selector: string, expression: string): Promise<T>;
  /** Brings it to the front and hides the others, if the engine does that without a screen. */
  show(): Promise<void>;
  close(): Promise<void>;
  /** Crashes the renderer. */
  crash?(): Promise<void>;
  /** Freezes the page: no timers, messages or answers. */
  freeze?(frozen: boolean): Promise<void>;
  /** The number of objects with this expression's value as their prototype, after a garbage collection. */
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
  /** Disables the network for every tab. */
  offline?(offline: boolean): Promise<void>;
  /** Limits an origin's IndexedDB to this many bytes. */
  limitQuota?(tab: Tab, origin: string, bytes: number): Promise<void>;
  /** Deletes what an origin has stored, and closes its connections. */
  clearOrigin?(tab: Tab, origin: string): Promise<void>;
  /** Opens a tab of a private window. */
  openPrivate?(url: string): Promise<Tab>;
  /** The vendor's version, if the page's `navigator.userAgent` does not contain it. */
  version?: string;
  close(): Promise<void>;
}

export interface LaunchOptions {
  /** A self-signed certificate to accept. */
  certificate?: string;
  /** Whether another site's frame has only `Partitioned` cookies; can be disabled in some engines. */
  blockThirdParty?: boolean;
  /** The folder of a profile that is kept after the browser has closed. */
  profile?: string;
  /** The folder of an extension to install. */
  extension?: string;
}

export interface Engine {
  name: "Chromium" | "Firefox" | "WebKit";
  /** An address of this machine other than localhost, so that plain http is insecure there. */
  intranet: string;
  /** The options that it supports with this driver. */
  takes: readonly (keyof LaunchOptions)[];
  launch(options?: LaunchOptions): Promise<Browser>;
}

/** Creates an empty folder for a profile. */
export function makeProfile(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "profile-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
