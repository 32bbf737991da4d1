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
 * What time it is on the server, told from a local clock that may be wrong by a day and may jump.
 *
 * Elapsed time is the larger of wall and monotonic time: the monotonic clock stands still while some machines sleep,
 * the wall clock goes backwards when somebody sets it. The offset to the server is learnt from its answers: what they
 * tell is decided by `estimate()`, and kept here.
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
  /** An answer of the source has had its say; what a stored record remembers counts no more. */
  #heard = false;
  #previous: (Previous & { readonly mono: number }) | undefined;
  /** When the offset was last set: the server's time, on the monotonic clock. */
  #set0: number;

  /** @param wall milliseconds since the epoch. @param mono milliseconds since anything, never backwards. */
  constructor(wall: () => number, mono: () => number) {
    this.#wall = wall;
    this.#mono = mono;
    this.#wall0 = this.#offset = wall();
    this.#mono0 = mono();
    this.#set0 = this.#offset - this.#mono0;
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

  #set(now: number, proven: boolean): void {
    this.#offset += now - this.now();
    this.#set0 = now - this.#mono();
    this.#proven = proven;
  }

  /** What the record of a stored token remembers of the offset; only as long as no answer said otherwise. */
  restore(ahead: number, claims: Claims): void {
    if (!this.#heard && Math.abs(ahead) < FAR_OFF) this.#set(this.#wall() + ahead, false);
    this.atLeast(claims);
  }

  /** Nobody signs a token in the future: the server's time is at least its `iat`. */
  atLeast(token: Claims): void {
    const issued = issuedAt(token);
    if (!this.#certain && this.now() < issued) this.#set(issued + HALF_SECOND, false);
  }

  /** Learns from an answer that has just come. @param same whether it brought the token that is held. */
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

  /** Cube refused a token: what tokens alone taught about the time may be why. Back to the local clock. */
  distrust(): void {
    if (this.#certain) return;
    this.#set(this.#wall(), true);
    this.#previous = undefined;
    // The record of another token may know better than a local clock that was set.
    this.#heard = false;
  }
}
