import type { Token } from "./token.js";

/** Wall and monotonic clock further apart than this since the last look: the machine slept, or somebody set the clock. */
export const JUMP = 1000;
/** Two tokens are of the same age when their `iat`s (whole seconds) are as far apart as their arrivals. */
const SAME_AGE = 1500;
/** A time in whole seconds lies, on average, half a second before the instant that it stands for. */
const HALF_SECOND = 500;
/** The age that a just-received token may always have: an endpoint that caches, an issuer that dates back. */
const PLAUSIBLE_AGE = 1 / 4;

/**
 * What time it is on the server, told from a local clock that may be wrong by a day and may jump.
 *
 * Elapsed time is the larger of wall and monotonic time: the monotonic clock stands still while some machines sleep,
 * the wall clock goes backwards when somebody sets it. The offset to the server is learnt from its answers.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #mono: () => number;
  #wall0: number;
  #mono0: number;
  #elapsed0 = 0;
  #offset: number;
  /** The offset comes from a `Date` header, and no jump has put it in doubt since. */
  #certain = false;
  /** An answer of the source has had its say; what a stored record remembers counts no more. */
  #heard = false;
  #last: { iat: number; mono: number; now: number } | undefined;

  /** @param wall milliseconds since the epoch. @param mono milliseconds since anything, never backwards. */
  constructor(wall: () => number, mono: () => number) {
    this.#wall = wall;
    this.#mono = mono;
    this.#wall0 = this.#offset = wall();
    this.#mono0 = mono();
  }

  /** Milliseconds since this clock was made. Never goes back. */
  elapsed(): number {
    const wall = this.#wall();
    const mono = this.#mono();
    const byWall = wall - this.#wall0;
    const byMono = mono - this.#mono0;
    const elapsed = this.#elapsed0 + Math.max(byWall, byMono);
    if (Math.abs(byWall - byMono) > JUMP) {
      // Start afresh from here, so that a clock set back does not hide a later sleep.
      if (byWall > byMono) this.#certain = false;
      this.#wall0 = wall;
      this.#mono0 = mono;
      this.#elapsed0 = elapsed;
    }
    return elapsed;
  }

  /** The server's time, milliseconds since the epoch: the best estimate. */
  now(): number {
    return this.elapsed() + this.#offset;
  }

  /** Both, of one moment. */
  read(): { now: number; elapsed: number } {
    const elapsed = this.elapsed();
    return { now: elapsed + this.#offset, elapsed };
  }

  /** How far the server is ahead of the local wall clock, in milliseconds. */
  ahead(): number {
    return this.now() - this.#wall();
  }

  #set(now: number): void {
    this.#offset += now - this.now();
  }

  /** A `Date` header (RFC 9110 §6.6.1): the server's time lies between the two instants now. */
  sync(earliest: number, latest: number): void {
    const now = this.now();
    // An estimate that fits is better than the middle of an interval a second wide.
    if (now < earliest || now > latest) this.#set((earliest + latest) / 2);
    this.#certain = this.#heard = true;
  }

  /** What a stored token's record remembers of the offset; only as long as no answer said otherwise. */
  restore(ahead: number): void {
    if (!this.#heard) this.#set(this.#wall() + ahead);
  }

  /** Nobody signs a token in the future: the server's time is at least its `iat`. */
  atLeast({ iat, nbf }: Token): void {
    const issued = iat ?? nbf;
    if (issued !== undefined && this.now() < issued) this.#set(issued + HALF_SECOND);
  }

  /**
   * Learns from a token that has just come from the source.
   *
   * Without a `Date` header three things show a wrong clock: an `iat` in the future; an `exp` already past; and,
   * since one old `iat` may also be an endpoint that caches, two tokens in a row of the very same age.
   *
   * @param refused Cube has refused this very token: its word is worth nothing.
   */
  learn(token: Token, refused: boolean): void {
    const { iat, exp } = token;
    this.atLeast(token);
    this.#heard = true;
    if (iat === undefined || exp === undefined || exp <= iat) return;
    const mono = this.#mono();
    const last = this.#last;
    if (!this.#certain) {
      const since = last ? mono - last.mono : 0;
      if (last && iat !== last.iat && Math.abs(iat - last.iat - since) < SAME_AGE) {
        const now = Math.min(this.now(), last.now + since, iat + (exp - iat) * PLAUSIBLE_AGE);
        this.#set(Math.max(now, iat));
      }
      const surelyDead = refused || (last !== undefined && last.iat + since >= exp);
      if (this.now() >= exp && !surelyDead) this.#set(iat + HALF_SECOND);
    }
    this.#last = { iat, mono, now: this.now() };
  }

  /** Cube refused a token: what tokens alone taught about the time may be why. Back to the local clock. */
  distrust(): void {
    if (this.#certain) return;
    this.#set(this.#wall());
    this.#last = undefined;
    // The record of another token may know better than a local clock that was set.
    this.#heard = false;
  }
}
