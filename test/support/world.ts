import { vi } from "vitest";
import { jwt } from "./jwt.js";

export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export interface WorldOptions {
  /** Lifetime of the tokens, in seconds. */
  lifetime?: number;
  /** How far the local clock is ahead of the server's, in ms. */
  skew?: number;
  /** Whether the answers carry a readable `Date` header. */
  dateHeader?: boolean;
  /** How long an answer takes, in ms. */
  latency?: number;
}

type Answer = Response | Promise<Response> | undefined;

/**
 * A token endpoint and a Cube server with their own clock, seen from a machine whose clock is wrong. Vitest's fake timers
 * are the local clock; the server's time advances with the monotonic one.
 */
export class World {
  /** When each request arrived, on the server's clock. */
  readonly requests: number[] = [];
  readonly tokens: string[] = [];
  readonly contexts: RequestInit[] = [];
  /** Answers instead of the endpoint if it returns something. */
  answer: (request: number) => Answer = () => undefined;
  lifetime: number;
  #server: number;
  #options: WorldOptions;

  constructor(options: WorldOptions = {}) {
    const { lifetime = 300, skew = 0 } = options;
    vi.useFakeTimers();
    vi.setSystemTime(new Date("2026-03-01T12:00:00.400Z").getTime() + skew);
    this.#options = options;
    this.lifetime = lifetime;
    this.#server = Date.now() - skew - performance.now();
  }

  /** The server's time. */
  now(): number {
    return this.#server + performance.now();
  }

  /** Cube's own rule: no tolerance (jsonwebtoken). */
  accepts(token: string): boolean {
    const claims = JSON.parse(atob(token.split(".")[1] ?? ""));
    return Math.floor(this.now() / 1000) < claims.exp;
  }

  issue(claims: object = {}): string {
    const iat = Math.floor(this.now() / 1000);
    return jwt({ sub: "user", n: this.requests.length, iat, exp: iat + this.lifetime, ...claims });
  }

  /** From now on the endpoint repeats its token until 20 s before the end: later than the manager asks. */
  cache(): void {
    let token = "";
    let until = -Infinity;
    this.answer = () => {
      if (this.now() > until) {
        token = this.issue();
        until = this.now() + this.lifetime * 1000 - 20_000;
      }
      return this.respond({ token });
    };
  }

  respond(body: unknown, init: ResponseInit = {}): Response {
    return Response.json(body, {
      ...init,
      headers: {
        ...(this.#options.dateHeader !== false && { date: new Date(this.now()).toUTCString() }),
        ...init.headers,
      },
    });
  }

  readonly fetch = async (_url: unknown, init: RequestInit = {}): Promise<Response> => {
    const { latency = 0 } = this.#options;
    this.requests.push(this.now());
    this.contexts.push(init);
    if (latency) await new Promise((resolve) => setTimeout(resolve, latency));
    init.signal?.throwIfAborted();
    const own = this.answer(this.requests.length);
    if (own) return own;
    const token = this.issue();
    this.tokens.push(token);
    return this.respond({ token });
  };

  /** Puts the machine to sleep: timers and the monotonic clock stand still. */
  sleep(duration: number): void {
    this.#server += duration;
    vi.setSystemTime(Date.now() + duration);
  }

  /** Changes the local clock. */
  setClock(by: number): void {
    vi.setSystemTime(Date.now() + by);
  }
}

/** Runs everything that needs no time. */
export const settle = () => vi.advanceTimersByTimeAsync(0);

export const advance = (duration: number) => vi.advanceTimersByTimeAsync(duration);
