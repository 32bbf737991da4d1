import {
  type Claims,
  estimate,
  FAR_OFF,
  HALF_SECOND,
  isSame,
  issuedAt,
  JUMP,
  type Previous,
  type ServerDate,
  stampOf,
} from "./witnesses.js";

export { JUMP };

/**
 * Estimates the server's time from a local clock that may be wrong by a day and may jump.
 *
 * Elapsed time is the larger of wall and monotonic time: the monotonic clock stops while some machines sleep, and the
 * wall clock goes backwards when it is set. The offset to the server is learned from its answers: `estimate()`
 * evaluates them, and this class keeps the result.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #mono: () => number;
  #wall0: number;
  #mono0: number;
  #elapsed0 = 0;
  #offset: number;
  /** See `Witnesses`. */
  #certain = false;
  #proven = true;
  /** An answer of the source has already set the clock, so the offset in a stored record no longer counts. */
  #heard = false;
  #previous: (Previous & { readonly mono: number }) | undefined;
  /** The server's time minus the monotonic clock, when the offset was last set. */
  #set0: number;

  /** @param wall milliseconds since the epoch. @param mono milliseconds since any origin, never backwards. */
  constructor(wall: () => number, mono: () => number) {
    this.#wall = wall;
    this.#mono = mono;
    this.#wall0 = this.#offset = wall();
    this.#mono0 = mono();
    this.#set0 = this.#offset - this.#mono0;
  }

  /** Milliseconds since this clock was created. Never goes backwards. */
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

  /** The best estimate of the server's time, in milliseconds since the epoch. */
  now(): number {
    return this.elapsed() + this.#offset;
  }

  /** Reads both at the same moment. */
  read(): { now: number; elapsed: number } {
    const elapsed = this.elapsed();
    return { now: elapsed + this.#offset, elapsed };
  }

  /** How far the server is ahead of the local wall clock, in milliseconds. */
  ahead(): number {
    return this.now() - this.#wall();
  }

  #set(now: number, proven: boolean): void {
    this.#offset += now - this.now();
    this.#set0 = now - this.#mono();
    this.#proven = proven;
  }

  /** Applies the offset stored with a token, unless an answer has already set the clock. */
  restore(ahead: number, claims: Claims): void {
    if (!this.#heard && Math.abs(ahead) < FAR_OFF) this.#set(this.#wall() + ahead, false);
    this.atLeast(claims);
  }

  /** Tokens are not issued in the future: the server's time is at least `iat`. */
  atLeast(token: Claims): void {
    const issued = issuedAt(token);
    if (!this.#certain && this.now() < issued) this.#set(issued + HALF_SECOND, false);
  }

  /** Learns from an answer that has just arrived. @param same whether it contains the current token. */
  learn(claims: Claims, date: ServerDate | undefined, same: boolean): void {
    const now = this.now();
    const mono = this.#mono();
    const previous = this.#previous;
    const found = estimate({
      now,
      awake: this.#set0 + mono,
      wall: this.#wall(),
      proven: this.#proven,
      certain: this.#certain,
      date,
      claims,
      same,
      previous,
      since: previous ? mono - previous.mono : 0,
    });
    this.#set(found.now, found.proven);
    this.#certain = found.certain;
    this.#heard = true;
    if (!isSame(claims, previous)) this.#previous = { ...claims, now: found.now, stamp: stampOf(date), mono };
  }

  /** Cube refused a token. An estimate based on tokens alone may be the cause, so return to the local clock. */
  distrust(): void {
    if (this.#certain) return;
    this.#set(this.#wall(), true);
    this.#previous = undefined;
    // The offset stored with another token may be better than a local clock that was set.
    this.#heard = false;
  }
}
