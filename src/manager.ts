/// <reference lib="esnext.disposable" preserve="true" />
import { abortable, onAbort } from "./abort.js";
import { Clock } from "./clock.js";
import { CubeTokenError, isRetryable } from "./errors.js";
import { type CubeTokenManagerOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import {
  CALM_LIFE,
  calmDelay,
  countFailures,
  type Plan,
  place,
  plan,
  retryDelay,
  timerDelay,
} from "./schedule.js";
import { type Answer, ask, endpointSource, functionSource, type Source } from "./source.js";
import { readRecord, writeRecord } from "./storage/record.js";
import { SafeStorage } from "./storage/safe.js";
import { type Failed, failureOf, GRACE, type News, type Sender, Tabs } from "./tabs.js";
import { readToken, securityContext, type Token } from "./token.js";
import type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "./types.js";
import { isHidden, onWake } from "./wake.js";

/**
 * A source that answers the token we have (an endpoint that caches) is asked again after half of what is left of it,
 * within these bounds: before it is dead, whenever the endpoint renews it.
 */
const UNCHANGED_PAUSE = [1000, 300_000] as const;
/** Servers' clocks differ by a little, and a `Date` header is a second wide. */
const NBF_TOLERANCE = 2000;
/** So many failures in a row do not make a new caller wait: whoever signs in again gets a token at once. */
const FREE_FAILURES = 2;
/** The longest pause before an attempt that a caller is made to sit through. */
const MAX_PAUSE = 10_000;
/** A tab that has the lock reads, asks for at most `requestTimeout`, and writes: longer than this it is frozen. */
const LOCK_PATIENCE = 3000;

/** More calls than this in one millisecond are a burst. A clock set back does not hit one. */
const BURST = 8;

/** The token in service, and the plan of its life. */
interface Held extends Plan {
  readonly token: Token;
  /** What `getToken()` resolves to: one promise for all callers. */
  readonly promise: Promise<string>;
  /** Its place in the jitter; the tabs that share it know it by this. */
  readonly draw: number;
  /** When it came, on the local wall clock. */
  readonly at: number;
}

/** The one refresh under way. */
interface Flight {
  readonly controller: AbortController;
  /** It has to ask the source, whatever other tabs have got. */
  readonly force: boolean;
  promise: Promise<string>;
  /** The same, but with the old token should it fail while that one lives. */
  shared: Promise<string>;
  /** Somebody waits for it, so that it tries again should it fail. */
  wanted: boolean;
  /** The token of the one before was dead before anybody had it. */
  again?: boolean;
  /** Ends the pause before the next attempt. */
  skipPause?: () => void;
  /** Another tab has got a token, or the one that we have once more, or has failed (with this error), before it was this tab's turn. */
  news?: CubeTokenError | "unchanged" | "refreshed" | undefined;
  /** Ends the wait for the turn, to look at the news. */
  hear?: () => void;
  /** The storage did not bring it another tab's token: more news of tokens would only keep it from its turn. */
  deaf?: boolean;
}

/** Managers of two tabs made this close to each other are of the same age, as far as they can tell (ms). */
const SAME_TIME = 2;

const disposed = () => new CubeTokenError("ERR_DISPOSED", "This manager was disposed. Create a new one.");
const cleared = () =>
  new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Call getToken() again after signing in.");
const superseded = () =>
  new CubeTokenError("ERR_CLEARED", "Another user has signed in, in another tab. Reload the page.");
const expired = () =>
  new CubeTokenError(
    "ERR_TOKEN_EXPIRED",
    "The source serves a token that has expired. Does the endpoint cache it, or is its clock wrong?",
  );
const ignore = () => {};
/** Why a wait for the turn ended. */
const NEWS = Symbol();
const sleep = (duration: number) => new Promise<void>((resolve) => setTimeout(resolve, duration));

/**
 * Keeps a valid token at hand for every Cube query.
 *
 * `getToken()` is the truth: each call decides by the clock. The timer only saves latency, so one that never fires
 * (sleep, throttling, freezing) costs nothing else. All members are bound.
 *
 * @example
 * const tokens = new CubeTokenManager({ endpoint: "/auth/cubejs-token" });
 * const cubeApi = cube(tokens.getToken, { apiUrl });
 */
export class CubeTokenManager implements TokenProvider {
  readonly #options: ResolvedOptions;
  readonly #source: Source;
  readonly #storage: SafeStorage | undefined;
  readonly #clock = new Clock(
    () => Date.now(),
    () => performance.now(),
  );
  readonly #listeners = new Set<(event: TokenEvent) => void>();

  #held: Held | undefined;
  /** Until then (server's clock) the token goes out without a further look. */
  #freshUntil = -Infinity;
  /** So many calls have found it so in this millisecond of the wall clock. */
  #looks = 0;
  #lookedAt = 0;
  /** The millisecond of which that is enough. */
  #burstAt = Number.NaN;
  /** Cube refused the token that is held. */
  #refused = false;
  #flight: Flight | undefined;
  #error: CubeTokenError | undefined;
  /** In a row: of the source, and fresh tokens that Cube refused. */
  #failures = 0;
  /** The first of them; by `Clock.elapsed()`. */
  #failingSince = 0;
  /** The token that still served when they began: nobody had to wait. */
  #calm: Held | undefined;
  /** When the source was last asked, and when it may be asked again in the background; by `Clock.elapsed()`. */
  #askedAt = -Infinity;
  #retryAt = -Infinity;
  /** The same for a caller who waits: the first failures are free. */
  #callAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopWaking: (() => void) | undefined;
  #started = false;
  #disposed = false;
  #storageFailed = false;
  /** Other tabs see the storage: they and this one work together. */
  readonly #tabs: Tabs | undefined;
  /** Of two managers with another identity the one made later has the key. On the local wall clock, and the monotonic one. */
  readonly #madeAt = Date.now();
  readonly #made = performance.now();
  /** Between the first call and a sign-out: it listens. */
  #listening = false;
  /** When the token was asked for; a page's own came with the page. */
  #since = this.#madeAt;
  /** When it was last signed out: what was asked for before is not for it. */
  #clearedAt = -Infinity;
  /** Another identity has taken over the key, in another tab. */
  #superseded = false;
  #snapshot: TokenSnapshot = Object.freeze({ status: "empty", refreshing: false });

  /**
   * Touches nothing but its arguments: the first `getToken()` starts timers and listeners.
   *
   * @throws {TypeError} on none or both of `endpoint` and `fetchToken`, an unknown option, or a value of the wrong kind.
   */
  constructor(options: CubeTokenManagerOptions) {
    const resolved = resolveOptions(options);
    const { endpoint, request, fetch, fetchToken, storage, storageKey, initialToken, crossTab } = resolved;
    this.#options = resolved;
    this.#source = fetchToken ? functionSource(fetchToken) : endpointSource(endpoint, request, fetch);
    this.#storage =
      storage &&
      new SafeStorage(storage, storageKey, (operation, reason) => {
        if (this.#storageFailed) return;
        this.#storageFailed = true;
        this.#emit({ type: "storagefailed", operation, reason });
      });
    if (storage && crossTab && storage.shared !== false) {
      this.#tabs = new Tabs(storageKey, (news) => this.#hear(news));
    }
    if (initialToken) {
      try {
        const token = readToken(initialToken);
        this.#clock.atLeast(token);
        const now = this.#clock.now();
        if ((token.exp ?? Infinity) > now) this.#hold(token, token.exp ?? Infinity, now);
        // Not before the first call, which starts the timer.
        this.#freshFor(-Infinity);
      } catch {
        // A page with a broken token in it is a page without one.
      }
    }
    if (Symbol.dispose) this[Symbol.dispose] = this.dispose;
  }

  /**
   * The token to use now. Fresh: at once. Within `refreshBefore` of its expiry: at once, while one refresh runs in the
   * background. Otherwise as soon as the one refresh that all callers share is done.
   *
   * Resolves to `""` where the source says that none is needed (`fetchToken` answered `null`).
   *
   * @throws {CubeTokenError} any of its codes. While the source fails or refuses, the last error is given again,
   * without a request, until it may be asked again.
   */
  readonly getToken = (options?: GetTokenOptions): Promise<string> => {
    const isPlain = !options || !(options.forceRefresh || options.signal);
    if (isPlain && (Date.now() === this.#burstAt || this.#isFresh())) return this.#held!.promise;
    const { forceRefresh = false, signal } = options ?? {};
    const aborted = () =>
      new CubeTokenError("ERR_ABORTED", "The caller's signal was aborted.", { cause: signal?.reason });
    if (signal?.aborted) return Promise.reject(aborted());
    if (this.#disposed) return Promise.reject(disposed());
    if (this.#superseded) return Promise.reject(superseded());
    this.#start();
    const token = this.#serve(forceRefresh);
    return signal ? abortable(token, signal, aborted) : token;
  };

  /** The state now; the same object until something changes (for React's `useSyncExternalStore`). */
  readonly getSnapshot = (): TokenSnapshot => {
    const held = this.#held;
    const now = this.#clock.now();
    const finite = (instant = Infinity) => (instant === Infinity ? undefined : instant);
    const next = {
      status: !held
        ? "empty"
        : this.#refused || now >= held.expiresAt
          ? "expired"
          : now >= held.refreshAt
            ? "stale"
            : "fresh",
      refreshing: this.#flight !== undefined,
      expiresAt: finite(held?.expiresAt),
      refreshAt: finite(held?.refreshAt),
      claims: held?.token.claims,
      error: this.#error,
    } as const;
    const entries = Object.entries(next).filter(([, value]) => value !== undefined);
    const before = this.#snapshot as unknown as Record<string, unknown>;
    const same =
      entries.length === Object.keys(before).length &&
      entries.every(([name, value]) => before[name] === value);
    if (!same) this.#snapshot = Object.freeze(Object.fromEntries(entries) as unknown as TokenSnapshot);
    return this.#snapshot;
  };

  /**
   * Calls `listener` at every change. One that throws hurts nobody: its error goes to `window.onerror`.
   *
   * @returns a function that ends it.
   */
  readonly subscribe = (listener: (event: TokenEvent) => void): (() => void) => {
    // A wrapper, so that a function subscribed twice is called twice and each end ends one.
    const entry = (event: TokenEvent) => listener(event);
    if (!this.#disposed) this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  };

  /**
   * What Cube's data model will see as `SECURITY_CONTEXT`, from the claims of the token held: flat, lifted out of the
   * legacy `u`, or the claim that `claimsNamespace` names (`CUBEJS_JWT_CLAIMS_NAMESPACE`). `queryRewrite` sees the claims
   * as they are, as in `getSnapshot().claims`.
   *
   * @returns `undefined` where there is no token, or one without claims.
   */
  readonly securityContext = ({
    claimsNamespace,
  }: {
    claimsNamespace?: string;
  } = {}): Record<string, unknown> | undefined => {
    const claims = this.#held?.token.claims;
    return claims && securityContext(claims, claimsNamespace);
  };

  /**
   * Cube refused the token: the next `getToken()` gets another. A no-op when that token has been replaced already.
   * A source whose fresh tokens are refused is asked as rarely as one that fails; meanwhile the refused token goes out,
   * so that callers see Cube's own answer.
   *
   * @param rejectedToken the refused token; the one held by default.
   */
  readonly invalidate = (rejectedToken?: string): void => {
    const held = this.#held;
    if (!held || this.#refused || (rejectedToken !== undefined && rejectedToken !== held.token.value)) return;
    this.#refuse();
    this.#clock.distrust();
    const wait = this.#backOff(this.#askedAt);
    this.#tell({ type: "invalidated", draw: held.draw, failures: this.#failures, wait });
    this.#emit({ type: "invalidated" });
  };

  /**
   * Sign-out: aborts what is in flight (who waits gets `ERR_CLEARED`), forgets, erases, and signs out the other tabs.
   * No late answer brings a token back. The next `getToken()` starts anew.
   *
   * @returns when the storage is erased too; after a second at most, and never rejects.
   */
  readonly clear = async (): Promise<void> => {
    const mine = !this.#superseded;
    const at = Date.now();
    if (mine) this.#announce({ type: "cleared", at });
    this.#superseded = false;
    this.#signOut(cleared(), at);
    // What another identity has stored is theirs.
    if (mine) {
      await this.#storage?.write(null);
      // Once more, for a tab that has begun meanwhile and may have read what was being erased.
      this.#announce({ type: "cleared", at });
    }
  };

  /** Removes every timer, listener, lock request and channel. Who waits, and every later `getToken()`, gets `ERR_DISPOSED`. The storage stays. */
  readonly dispose = (): void => {
    this.#stop(disposed());
    this.#disposed = true;
    this.#listeners.clear();
  };

  /** The same as {@link dispose}, for `using`. */
  declare [Symbol.dispose]: () => void;

  #freshFor(instant: number): void {
    this.#freshUntil = instant;
    this.#looks = 0;
    // No millisecond at all: not 0 either, where fake timers begin.
    this.#burstAt = Number.NaN;
  }

  /**
   * Whether the token goes out without a further look. That needs both clocks, and each costs as much as all the rest of
   * a call: in a burst the wall clock alone tells whether it is still the same millisecond.
   */
  #isFresh(): boolean {
    if (this.#clock.now() >= this.#freshUntil) return false;
    const wall = Date.now();
    if (wall !== this.#lookedAt) this.#looks = 0;
    this.#lookedAt = wall;
    if (++this.#looks > BURST) this.#burstAt = wall;
    return true;
  }

  /** Answers one call that the fast path could not. */
  #serve(force: boolean): Promise<string> {
    const held = this.#held;
    const now = this.#clock.now();
    if (held && !force && !this.#refused && now < held.expiresAt) {
      const paused = this.#clock.elapsed() < this.#retryAt;
      if (now < held.usableUntil) {
        if (now >= held.refreshAt) this.#refreshInBackground();
        return held.promise;
      }
      // Its last moments: callers wait for the refresh, unless that has just failed.
      if (paused && !this.#flight) return held.promise;
    }
    let flight = this.#flight;
    if (!flight) {
      const pause = force ? 0 : this.#callAt - this.#clock.elapsed();
      // Fresh tokens are refused: the caller shall see Cube's own answer, and notice when Cube takes the token again.
      if (pause > 0 && held && !this.#error && now < held.expiresAt) return held.promise;
      if (pause > MAX_PAUSE) {
        this.#error ??= new CubeTokenError(
          "ERR_INVALID_TOKEN",
          "Cube refuses the tokens of this source. Does the endpoint sign with the secret that Cube verifies with?",
        );
        return Promise.reject(this.#error);
      }
      flight = this.#takeOff(pause, force);
    }
    flight.wanted = true;
    if (!force) return flight.shared;
    flight.skipPause?.();
    return flight.promise;
  }

  /** The token held is not to be handed out as a fresh one any more, and no timer waits for its end. */
  #refuse(): void {
    this.#refused = true;
    this.#freshFor(-Infinity);
    clearTimeout(this.#timer);
  }

  /** The token that serves should a refresh fail. */
  #live(): Held | undefined {
    const held = this.#held;
    return held && !this.#refused && this.#clock.now() < held.expiresAt ? held : undefined;
  }

  #refreshInBackground(): void {
    if (!this.#flight && this.#clock.elapsed() >= this.#retryAt) this.#takeOff(0, false);
  }

  /** Starts the one refresh; who calls while it runs shares it. */
  #takeOff(pause: number, force: boolean): Flight {
    clearTimeout(this.#timer);
    const controller = new AbortController();
    const { signal } = controller;
    const flight = { controller, force, wanted: false } as Flight;
    this.#flight = flight;
    flight.promise = this.#fly(flight, pause).then(
      (event) => {
        if (signal.aborted) throw signal.reason;
        this.#flight = undefined;
        this.#error = undefined;
        const { promise, expiresAt } = this.#held!;
        // What comes from the source is left alone for a second, however short it lives.
        if (event?.type === "refreshed" && event.from === "source") this.#arm();
        else this.#check();
        if (event) this.#emit(event);
        // A listener may have signed out.
        if (!this.#held) throw this.#disposed ? disposed() : cleared();
        if (this.#clock.now() < expiresAt) return promise;
        // The page may have been frozen between the token's arrival and now; once more, and the source is to blame.
        if (flight.again) throw expired();
        const token = this.#serve(false);
        if (this.#flight) (this.#flight as Flight).again = true;
        return token;
      },
      (error) => {
        if (!signal.aborted) {
          this.#flight = undefined;
          this.#error = error;
          this.#arm();
          this.#emit({ type: "refreshfailed", error });
        }
        throw error;
      },
    );
    flight.shared = flight.promise.catch((error) => {
      const live = this.#live();
      if (signal.aborted || !live) throw error;
      return live.promise;
    });
    // A refresh in the background has nobody to tell.
    flight.shared.catch(ignore);
    return flight;
  }

  /** The refresh itself: looks into the storage, else asks the source when it is this tab's turn, as often as it takes. */
  async #fly(flight: Flight, pause: number): Promise<TokenEvent | undefined> {
    const { signal } = flight.controller;
    const { requestTimeout, retries } = this.#options;
    if (this.#storage && !flight.force) {
      const event = await this.#lookUp(signal);
      if (event) return event;
    }
    for (let attempt = 0, delay = pause; ; attempt++) {
      const turn = new AbortController();
      flight.hear = () => turn.abort(NEWS);
      const unlink = onAbort(signal, () => turn.abort(signal.reason));
      try {
        if (delay > 0) await this.#pause(flight, delay, turn.signal);
        signal.throwIfAborted();
        const ask = () => this.#ask(flight);
        return await (this.#tabs?.exclusively(ask, requestTimeout + LOCK_PATIENCE, turn.signal) ?? ask());
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = error === NEWS ? flight.news : (error as CubeTokenError);
        flight.news = undefined;
        if (failure === "unchanged") return;
        if (failure === "refreshed") {
          const event = (await this.#lookUp(signal)) ?? (await this.#lookUpAgain(signal));
          if (event) return event;
          flight.deaf = true;
          attempt--;
        }
        delay = this.#retryAt - this.#clock.elapsed();
        // Nobody waits where the old token still serves.
        const over = this.#live() || !flight.wanted || attempt >= retries || delay > MAX_PAUSE;
        if (failure && failure !== "refreshed" && (over || !isRetryable(failure))) throw failure;
      } finally {
        unlink();
      }
    }
  }

  /** What one tab at a time does: reads the storage again, else asks the source once, stores its answer and says so. */
  async #ask(flight: Flight): Promise<TokenEvent | undefined> {
    const { signal } = flight.controller;
    if (this.#tabs && !flight.force) {
      const event = await this.#lookUp(signal);
      if (event) return event;
      if (flight.news) throw NEWS;
    }
    // From here on this tab has a word of its own.
    flight.hear = ignore;
    this.#askedAt = this.#clock.elapsed();
    this.#since = Date.now();
    try {
      const rejected = this.#refused ? this.#held?.token.value : undefined;
      const answer = await ask(this.#source, this.#options.requestTimeout, signal, rejected);
      signal.throwIfAborted();
      // At once: what comes next takes its time, and the page may be frozen meanwhile.
      const event = this.#adopt(answer);
      // Another user may have signed in meanwhile, whose token must stay in the storage.
      if (this.#tabs) await this.#lookUp(signal, false);
      signal.throwIfAborted();
      const stored = event && this.#store().then(() => this.#tell({ type: "refreshed" }));
      // Only other tabs wait for the storage. Without locks they cannot.
      if (this.#tabs?.locks) await stored;
      return event;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { code, status, retryAfter } = error as CubeTokenError;
      const wait = this.#backOff(this.#clock.elapsed(), retryAfter);
      this.#tell({ type: "failed", code, status, retryAfter, failures: this.#failures, wait });
      throw error;
    }
  }

  /** Takes over what the storage holds, if that is better than what we have. Rejects once `signal` is aborted. */
  async #lookUp(signal: AbortSignal, take = true): Promise<TokenEvent | undefined> {
    if (!this.#storage) return;
    const stored = await abortable(this.#storage.read(), signal);
    // What is settled may be followed by a sign-out before this function goes on.
    signal.throwIfAborted();
    const event = this.#recall(stored, take);
    signal.throwIfAborted();
    return event;
  }

  /** The same a little later: the news of a token may be faster than the token. */
  async #lookUpAgain(signal: AbortSignal): Promise<TokenEvent | undefined> {
    await abortable(sleep(GRACE), signal);
    return this.#lookUp(signal);
  }

  #pause(flight: Flight, delay: number, signal: AbortSignal): Promise<void> {
    let timer: ReturnType<typeof setTimeout>;
    const pause = new Promise<void>((resolve) => {
      flight.skipPause = resolve;
      timer = setTimeout(resolve, delay);
    });
    return abortable(pause, signal).finally(() => clearTimeout(timer));
  }

  /** Takes over a stored token, if it is better than what we have; with `take` false it only looks whose it is. */
  #recall(text: string | null, take: boolean): TokenEvent | undefined {
    const record = readRecord(text);
    if (!record) return;
    const held = this.#held;
    const { identity, madeAt, since } = record;
    const now = Date.now();
    let token: Token;
    try {
      token = readToken(record.token);
    } catch {
      return;
    }
    const expiresAt = token.exp ?? record.expiresAt ?? Infinity;
    if (identity !== this.#options.identity) {
      // Theirs, if they came later, as far as a clock that may have been set tells; and if they are still there.
      const later = madeAt - this.#madeAt >= SAME_TIME && madeAt <= now && expiresAt > this.#clock.now();
      if (this.#tabs && later) this.#supersede();
      else this.#storage?.write(null);
      return;
    }
    // A record from the future: the clock was set back since, and how old the token is nobody knows. One from before
    // the sign-out: a tab that has not heard of it yet.
    if (!take || record.at > now + 1000 || (since < this.#clearedAt && this.#clearedAt <= now)) return;
    // The same once more is news only where Cube refused it: the source has been asked again.
    if (record.token === held?.token.value && !(this.#refused && record.at > held.at)) return;
    this.#clock.restore(record.ahead);
    this.#clock.atLeast(token);
    const serverNow = this.#clock.now();
    if (expiresAt <= serverNow) return;
    // The freshest wins: the one that lives longer, and of two alike the one that came later.
    const gain = held ? expiresAt - held.expiresAt || record.at - held.at : 1;
    if (Number.isNaN(gain) ? record.at <= held!.at : gain <= 0 && !this.#refused) return;
    // The source is well again; refusals are forgotten only once a token has lived its life.
    if (!this.#refused) {
      this.#failures = 0;
      this.#retryAt = this.#callAt = -Infinity;
    }
    this.#hold(token, expiresAt, record.at + record.ahead, record.draw, record.at);
    // Should Cube refuse it, that counts as if this tab had asked for it.
    this.#askedAt = this.#clock.elapsed();
    // In its last moments it only serves should the source fail.
    return serverNow < this.#held!.usableUntil ? { type: "refreshed", from: "storage" } : undefined;
  }

  /** Puts the source's answer into service, unless it is a dead token or the one that we have. */
  #adopt({ token: value, expiresIn, date }: Answer): TokenEvent | undefined {
    const clock = this.#clock;
    if (date) clock.sync(...date);
    const token: Token = value === null ? { value: "" } : readToken(value);
    const { exp, nbf } = token;
    const held = this.#held;
    const same = held?.token.value === token.value;
    const refusedAgain = same && this.#refused;
    // `expires_in` counts from the answer: from the request is on the safe side.
    const expiresAt = exp ?? this.#askedAt - clock.elapsed() + clock.now() + (expiresIn ?? Infinity);
    const iat = token.iat ?? (exp !== undefined && expiresIn ? exp - expiresIn : undefined);
    clock.learn({ ...token, iat }, refusedAgain);
    const now = clock.now();
    if (expiresAt <= now) {
      throw expired();
    }
    if (nbf !== undefined && nbf > now + NBF_TOLERANCE) {
      throw new CubeTokenError(
        "ERR_INVALID_TOKEN",
        "The token is not valid yet. Sign tokens whose nbf is not ahead.",
      );
    }
    if (held && same && !this.#refused && expiresAt <= held.expiresAt) {
      this.#rest(held);
      this.#tell({ type: "unchanged", draw: held.draw });
      return;
    }
    const draw = place(Math.random(), !held || this.#failures > 0);
    // Cube's refusals are forgotten only once a token has lived its life.
    this.#failures = this.#refused ? this.#failures + Number(refusedAgain) : 0;
    this.#retryAt = this.#callAt = -Infinity;
    this.#hold(token, expiresAt, now, draw);
    return { type: "refreshed", from: "source" };
  }

  #hold(
    token: Token,
    expiresAt: number,
    receivedAt: number,
    draw = place(Math.random(), true),
    at = Date.now(),
  ): void {
    this.#held = {
      ...plan(receivedAt, expiresAt, draw, this.#options),
      token,
      draw,
      at,
      promise: Promise.resolve(token.value),
    };
    this.#refused = false;
    this.#freshFor(this.#held.refreshAt);
  }

  /** Stores the token that is held. */
  async #store(): Promise<void> {
    const { identity } = this.#options;
    const { token, expiresAt, draw, at } = this.#held!;
    const ahead = Math.round(this.#clock.ahead());
    const record = {
      token: token.value,
      at,
      ahead,
      draw,
      madeAt: this.#madeAt,
      since: this.#since,
      expiresAt: token.exp === undefined && expiresAt !== Infinity ? expiresAt : undefined,
      identity,
    };
    await this.#storage?.write(token.value ? writeRecord(record) : null, expiresAt - ahead);
  }

  /** Counts a failure and says how long to leave the source alone, from `since` on. */
  #backOff(since: number, retryAfter?: number): number {
    this.#fail(this.#failures + 1);
    const { usableUntil, life } = this.#calm ?? { usableUntil: 0, life: 0 };
    const random = Math.random();
    const delay = Math.max(
      retryDelay(this.#failures, random, retryAfter),
      calmDelay(this.#failures, random, usableUntil - this.#clock.now(), life),
    );
    this.#pauseUntil(since + delay, retryAfter);
    return delay;
  }

  /** So many failures in a row. */
  #fail(failures: number): void {
    const live = this.#live();
    // Refusals of a token before may have begun them.
    if (live || this.#refused || !this.#failures) {
      this.#calm = live && live.life >= CALM_LIFE ? live : undefined;
    }
    const now = this.#clock.elapsed();
    if (!this.#failures) this.#failingSince = now;
    this.#failures = countFailures(failures, now - this.#failingSince);
  }

  #pauseUntil(retryAt: number, retryAfter?: number): void {
    this.#retryAt = retryAt;
    this.#callAt = this.#failures > FREE_FAILURES || this.#calm || retryAfter ? retryAt : -Infinity;
  }

  /** The source has nothing better than the token that we have. */
  #rest({ expiresAt }: Held): void {
    const [shortest, longest] = UNCHANGED_PAUSE;
    const delay = Math.min(Math.max((expiresAt - this.#clock.now()) / 2, shortest), longest);
    this.#retryAt = this.#callAt = this.#clock.elapsed() + delay;
  }

  /** Refreshes if it is time, else sees to it that somebody looks again. */
  #check(): void {
    const held = this.#held;
    const due = held ? this.#refused || this.#clock.now() >= held.refreshAt : this.#error;
    if (due) this.#refreshInBackground();
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const held = this.#held;
    if (!held || !this.#options.autoRefresh || this.#flight || this.#refused) return;
    const now = this.#clock.now();
    const delay = Math.max(held.refreshAt - now, this.#retryAt - this.#clock.elapsed());
    // Past its end there is nothing to keep alive: the next caller asks.
    if (delay === Infinity || now + delay >= held.expiresAt) return;
    const timer = setTimeout(() => isHidden() || this.#check(), timerDelay(delay));
    this.#timer = timer;
    // On Node it must not keep the process alive.
    (timer as { unref?(): void }).unref?.();
  }

  /** The first call, and the first after `clear()`. */
  #start(): void {
    if (!this.#listening) {
      this.#listening = true;
      this.#tabs?.open();
      this.#tell({ type: "started" });
    }
    if (!this.#started) {
      this.#started = true;
      if (this.#held) {
        this.#freshFor(this.#held.refreshAt);
        this.#store();
        this.#arm();
      }
    }
    if (!this.#options.autoRefresh || this.#stopWaking) return;
    this.#stopWaking = onWake((event) => {
      if (event.type === "online") {
        this.#retryAt = this.#callAt = -Infinity;
        this.#flight?.skipPause?.();
      }
      if ((event as PageTransitionEvent).persisted) this.#lookAgain();
      if (!isHidden()) this.#check();
    });
  }

  /** In the back/forward cache no news arrives: whether somebody has signed out meanwhile, the storage says. */
  #lookAgain(): void {
    if (!this.#tabs || this.#storageFailed || !this.#held || this.#flight) return;
    this.#forget();
    this.#takeOff(0, false);
  }

  #forget(): void {
    this.#held = undefined;
    this.#freshFor(-Infinity);
    this.#refused = false;
  }

  /** Back to nothing: no token, no timer, no listener, and who waits is told why. */
  #stop(reason: CubeTokenError): void {
    clearTimeout(this.#timer);
    this.#stopWaking?.();
    this.#tabs?.close();
    this.#listening = false;
    this.#flight?.controller.abort(reason);
    this.#stopWaking = this.#flight = this.#error = undefined;
    this.#forget();
    // The page's own token must not come back either.
    this.#started = true;
  }

  /** Signs out this tab alone. */
  #signOut(reason: CubeTokenError, at = Date.now()): void {
    const changed = this.#held ?? this.#flight ?? this.#error;
    this.#stop(reason);
    this.#failures = 0;
    this.#askedAt = this.#retryAt = this.#callAt = -Infinity;
    this.#clearedAt = at;
    if (changed) this.#emit({ type: "cleared" });
  }

  /** Signed out by another tab. What this one has stored is erased once more: it may have been stored after that. */
  async #signOutToo(reason: CubeTokenError, at?: number): Promise<void> {
    const mine = this.#held?.token.value;
    this.#signOut(reason, at);
    if (!mine) return;
    const stored = readRecord(await this.#storage!.read());
    // Nothing may also be a view that is behind: cookies and localStorage take their time from one process to another.
    if (!stored || stored.token === mine) await this.#storage!.write(null);
  }

  #supersede(): void {
    // First, for a listener of "cleared" may ask for a token, or sign out for good.
    this.#superseded = true;
    this.#signOutToo(superseded());
  }

  /** Told by the monotonic clock, so that nobody's clock set back turns first and last around. */
  #age(): number {
    return performance.now() - this.#made;
  }

  #tell(news: News): void {
    this.#tabs?.tell(news, { identity: this.#options.identity, age: this.#age(), at: Date.now() });
  }

  /** Said also by a manager that does not listen: before its first call, and after a sign-out. */
  #announce(news: News): void {
    this.#tabs?.open();
    this.#tell(news);
    if (!this.#listening) this.#tabs?.close();
  }

  /** What another tab says. */
  #hear(news: News & Sender): void {
    if (news.identity !== this.#options.identity) {
      if (news.type === "cleared") return;
      // Whose manager was made later has the key; the other is told. The message has been on its way for a while.
      const by = this.#age() - news.age - Math.max(0, Date.now() - news.at);
      const tie = Math.abs(by) < SAME_TIME;
      // Within a few milliseconds nobody can tell: who begins only now.
      if (tie ? news.type === "started" && this.#held : by > 0) this.#supersede();
      else if (!tie) this.#tell({ type: "started" });
      return;
    }
    const held = this.#held;
    switch (news.type) {
      case "refreshed":
        if (this.#flight) this.#report(news.type);
        else this.#takeOver();
        break;
      case "cleared":
        // It is said twice.
        if (news.at !== this.#clearedAt) this.#signOutToo(cleared(), news.at);
        break;
      case "invalidated": {
        const known = this.#refused;
        // Of another token it counts where the own one is refused as well: they come from one source.
        if (!held || (held.draw !== news.draw && !known)) break;
        this.#refuse();
        this.#shareFailure(news);
        if (!known) this.#emit({ type: "invalidated" });
        break;
      }
      case "unchanged":
        if (!held || held.draw !== news.draw || !this.#live()) break;
        this.#rest(held);
        this.#report(news.type);
        break;
      case "failed": {
        const error = failureOf(news);
        this.#shareFailure(news);
        if (this.#flight) this.#report(error);
        else {
          this.#error = error;
          this.#arm();
          this.#emit({ type: "refreshfailed", error });
        }
      }
    }
  }

  /** Tells the refresh under way, if it has not begun to ask and may do without. */
  #report(news: NonNullable<Flight["news"]>): void {
    const flight = this.#flight;
    if (!flight || flight.force || (flight.deaf && news === "refreshed")) return;
    flight.news = news;
    flight.hear?.();
  }

  /** Another tab has a token: here too, without a request. */
  async #takeOver(): Promise<void> {
    // Ended by a sign-out, and by a refresh of this tab's own.
    const ended = () => !this.#listening || this.#clearedAt !== clearedAt || this.#flight;
    const clearedAt = this.#clearedAt;
    for (const delay of [0, GRACE]) {
      if (delay) await sleep(delay);
      const stored = ended() ? null : await this.#storage!.read();
      const event = ended() ? undefined : this.#recall(stored, true);
      if (!event) continue;
      this.#error = undefined;
      this.#arm();
      this.#emit(event);
      return;
    }
  }

  /** One budget of requests for all tabs. */
  #shareFailure({ failures, wait, retryAfter, at }: Failed & Sender): void {
    this.#fail(Math.max(this.#failures, failures));
    // This page may have been frozen since it was said.
    const left = wait - Math.max(0, Date.now() - at);
    this.#pauseUntil(Math.max(this.#retryAt, this.#clock.elapsed() + left), retryAfter);
  }

  #emit(event: TokenEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        globalThis.reportError?.(error);
      }
    }
  }
}
