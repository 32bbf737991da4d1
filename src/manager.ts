/// <reference lib="esnext.disposable" preserve="true" />
import { Clock } from "./clock.js";
import { CubeTokenError, isRetryable } from "./errors.js";
import { type CubeTokenManagerOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { type Plan, plan, retryDelay, timerDelay } from "./schedule.js";
import { type Answer, ask, endpointSource, functionSource, type Source } from "./source.js";
import { readRecord, writeRecord } from "./storage/record.js";
import { SafeStorage } from "./storage/safe.js";
import { readToken, securityContext, type Token } from "./token.js";
import type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "./types.js";
import { isHidden, onWake } from "./wake.js";

/** A source that answers the token we have is not asked again for at most this long. */
const UNCHANGED_PAUSE = 30_000;
/** Servers' clocks differ by a little, and a `Date` header is a second wide. */
const NBF_TOLERANCE = 2000;
/** So many failures in a row do not make a new caller wait: whoever signs in again gets a token at once. */
const FREE_FAILURES = 2;
/** The longest pause before an attempt that a caller is made to sit through. */
const MAX_PAUSE = 10_000;

/** The token in service. */
interface Held {
  readonly token: Token;
  readonly plan: Plan;
  /** What `getToken()` resolves to: one promise for all callers. */
  readonly promise: Promise<string>;
  /** Its place in the jitter. */
  readonly draw: number;
}

/** The one refresh under way. */
interface Flight {
  readonly controller: AbortController;
  promise: Promise<string>;
  /** The same, but with the old token should it fail while that one lives. */
  shared: Promise<string>;
  /** Somebody waits for it, so that it tries again should it fail. */
  wanted: boolean;
  /** Ends the pause before the next attempt. */
  skipPause?: () => void;
}

const disposed = () => new CubeTokenError("ERR_DISPOSED", "This manager was disposed. Create a new one.");
const cleared = () =>
  new CubeTokenError("ERR_CLEARED", "Signed out while waiting. Call getToken() again after signing in.");
const ignore = () => {};

/** `promise`, unless `signal` is aborted first: then `reason()`. */
function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  reason = (): unknown => signal.reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(reason());
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

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
  /** Cube refused the token that is held. */
  #refused = false;
  #flight: Flight | undefined;
  #error: CubeTokenError | undefined;
  /** In a row: of the source, and fresh tokens that Cube refused. */
  #failures = 0;
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
  #snapshot: TokenSnapshot = Object.freeze({ status: "empty", refreshing: false });

  /**
   * Touches nothing but its arguments: the first `getToken()` starts timers and listeners.
   *
   * @throws {TypeError} on none or both of `endpoint` and `fetchToken`, an unknown option, or a value of the wrong kind.
   */
  constructor(options: CubeTokenManagerOptions) {
    const resolved = resolveOptions(options);
    const { endpoint, request, fetch, fetchToken, storage, storageKey, initialToken } = resolved;
    this.#options = resolved;
    this.#source = fetchToken ? functionSource(fetchToken) : endpointSource(endpoint, request, fetch);
    this.#storage =
      storage &&
      new SafeStorage(storage, storageKey, (operation, reason) => {
        if (this.#storageFailed) return;
        this.#storageFailed = true;
        this.#emit({ type: "storagefailed", operation, reason });
      });
    if (initialToken) {
      try {
        const token = readToken(initialToken);
        this.#clock.atLeast(token);
        const now = this.#clock.now();
        if ((token.exp ?? Infinity) > now) this.#hold(token, token.exp ?? Infinity, now);
        // Not before the first call, which starts the timer.
        this.#freshUntil = -Infinity;
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
    if (!options && this.#clock.now() < this.#freshUntil) return this.#held!.promise;
    const { forceRefresh = false, signal } = options ?? {};
    const aborted = () =>
      new CubeTokenError("ERR_ABORTED", "The caller's signal was aborted.", { cause: signal?.reason });
    if (signal?.aborted) return Promise.reject(aborted());
    if (this.#disposed) return Promise.reject(disposed());
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
        : this.#refused || now >= held.plan.expiresAt
          ? "expired"
          : now >= held.plan.refreshAt
            ? "stale"
            : "fresh",
      refreshing: this.#flight !== undefined,
      expiresAt: finite(held?.plan.expiresAt),
      refreshAt: finite(held?.plan.refreshAt),
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
    this.#refused = true;
    this.#freshUntil = -Infinity;
    this.#clock.distrust();
    this.#backOff(this.#askedAt);
    clearTimeout(this.#timer);
    this.#emit({ type: "invalidated" });
  };

  /**
   * Sign-out: aborts what is in flight (who waits gets `ERR_CLEARED`), forgets, erases. No late answer brings a token
   * back. The next `getToken()` starts anew.
   *
   * @returns when the storage is erased too; after a second at most, and never rejects.
   */
  readonly clear = async (): Promise<void> => {
    const changed = this.#held ?? this.#flight ?? this.#error;
    this.#stop(cleared());
    this.#failures = 0;
    this.#askedAt = this.#retryAt = this.#callAt = -Infinity;
    const erased = this.#storage?.write(null);
    if (changed) this.#emit({ type: "cleared" });
    await erased;
  };

  /** Removes every timer and listener. Who waits, and every later `getToken()`, gets `ERR_DISPOSED`. The storage stays. */
  readonly dispose = (): void => {
    this.#stop(disposed());
    this.#disposed = true;
    this.#listeners.clear();
  };

  /** The same as {@link dispose}, for `using`. */
  declare [Symbol.dispose]: () => void;

  /** Answers one call that the fast path could not. */
  #serve(force: boolean): Promise<string> {
    const held = this.#held;
    const now = this.#clock.now();
    if (held && !force && !this.#refused && now < held.plan.expiresAt) {
      const paused = this.#clock.elapsed() < this.#retryAt;
      if (now < held.plan.usableUntil) {
        if (now >= held.plan.refreshAt) this.#refreshInBackground();
        return held.promise;
      }
      // Its last moments: callers wait for the refresh, unless that has just failed.
      if (paused && !this.#flight) return held.promise;
    }
    let flight = this.#flight;
    if (!flight) {
      const pause = force ? 0 : this.#callAt - this.#clock.elapsed();
      // Fresh tokens are refused: the caller shall see Cube's own answer, and notice when Cube takes the token again.
      if (pause > 0 && held && !this.#error && now < held.plan.expiresAt) return held.promise;
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

  #refreshInBackground(): void {
    if (!this.#flight && this.#clock.elapsed() >= this.#retryAt) this.#takeOff(0, false);
  }

  /** Starts the one refresh; who calls while it runs shares it. */
  #takeOff(pause: number, force: boolean): Flight {
    clearTimeout(this.#timer);
    const controller = new AbortController();
    const { signal } = controller;
    const flight = { controller, wanted: false } as Flight;
    this.#flight = flight;
    flight.promise = this.#fly(flight, pause, force).then(
      (event) => {
        if (signal.aborted) throw signal.reason;
        this.#flight = undefined;
        this.#error = undefined;
        const { promise } = this.#held!;
        this.#check();
        if (event) this.#emit(event);
        // A listener may have signed out.
        if (!this.#held) throw this.#disposed ? disposed() : cleared();
        return promise;
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
      const held = this.#held;
      const live = held && !this.#refused && this.#clock.now() < held.plan.expiresAt;
      if (signal.aborted || !live) throw error;
      return held.promise;
    });
    // A refresh in the background has nobody to tell.
    flight.shared.catch(ignore);
    return flight;
  }

  /**
   * The refresh itself: reads the storage again, else asks the source and stores its answer. This is what one tab at a
   * time has to do (rule 2).
   */
  async #fly(flight: Flight, pause: number, force: boolean): Promise<TokenEvent | undefined> {
    const { signal } = flight.controller;
    if (this.#storage && !force) {
      const stored = await abortable(this.#storage.read(), signal);
      // Here and below: what is settled may be followed by a sign-out before this function goes on.
      signal.throwIfAborted();
      const event = this.#recall(stored);
      if (event) return event;
    }
    const { requestTimeout, retries } = this.#options;
    for (let attempt = 0, delay = pause; ; attempt++) {
      if (delay > 0) await this.#pause(flight, delay);
      signal.throwIfAborted();
      this.#askedAt = this.#clock.elapsed();
      try {
        const rejected = this.#refused ? this.#held?.token.value : undefined;
        const answer = await ask(this.#source, requestTimeout, signal, rejected);
        signal.throwIfAborted();
        return this.#adopt(answer);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = error as CubeTokenError;
        delay = this.#backOff(this.#clock.elapsed(), failure.retryAfter);
        const held = this.#held;
        const live = held && !this.#refused && this.#clock.now() < held.plan.expiresAt;
        // Nobody waits where the old token still serves.
        if (live || !flight.wanted || attempt >= retries || delay > MAX_PAUSE || !isRetryable(failure)) {
          throw failure;
        }
      }
    }
  }

  #pause(flight: Flight, delay: number): Promise<void> {
    const { signal } = flight.controller;
    let timer: ReturnType<typeof setTimeout>;
    const pause = new Promise<void>((resolve) => {
      flight.skipPause = resolve;
      timer = setTimeout(resolve, delay);
    });
    return abortable(pause, signal).finally(() => clearTimeout(timer));
  }

  /** Takes over what the storage holds, if that is better than what we have. */
  #recall(text: string | null): TokenEvent | undefined {
    const record = readRecord(text);
    const held = this.#held;
    // A record from the future: the clock was set back since, and how old the token is nobody knows.
    if (!record || record.at > Date.now() + 1000 || record.token === held?.token.value) return;
    if (record.identity !== this.#options.identity) {
      this.#storage?.write(null);
      return;
    }
    let token: Token;
    try {
      token = readToken(record.token);
    } catch {
      return;
    }
    this.#clock.restore(record.ahead);
    this.#clock.atLeast(token);
    const expiresAt = token.exp ?? record.expiresAt ?? Infinity;
    const now = this.#clock.now();
    if (expiresAt <= now || (held && !this.#refused && expiresAt <= held.plan.expiresAt)) return;
    this.#hold(token, expiresAt, record.at + record.ahead, record.draw);
    // In its last moments it only serves should the source fail.
    return now < this.#held!.plan.usableUntil ? { type: "refreshed", from: "storage" } : undefined;
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
    clock.learn(iat === undefined ? token : { ...token, iat }, refusedAgain);
    const now = clock.now();
    if (expiresAt <= now) {
      throw new CubeTokenError(
        "ERR_TOKEN_EXPIRED",
        "The source serves a token that has expired. Does the endpoint cache it, or is its clock wrong?",
      );
    }
    if (nbf !== undefined && nbf > now + NBF_TOLERANCE) {
      throw new CubeTokenError(
        "ERR_INVALID_TOKEN",
        "The token is not valid yet. Sign tokens whose nbf is not ahead.",
      );
    }
    if (held && same && !this.#refused && expiresAt <= held.plan.expiresAt) {
      this.#failures++;
      const delay = Math.min(
        Math.max(retryDelay(this.#failures, Math.random()), (expiresAt - now) / 2),
        UNCHANGED_PAUSE,
      );
      this.#retryAt = this.#callAt = clock.elapsed() + delay;
      return;
    }
    // Cube's refusals are forgotten only once a token has lived its life.
    this.#failures = this.#refused ? this.#failures + Number(refusedAgain) : 0;
    this.#retryAt = this.#callAt = -Infinity;
    this.#hold(token, expiresAt, now);
    this.#store();
    return { type: "refreshed", from: "source" };
  }

  #hold(token: Token, expiresAt: number, receivedAt: number, draw = Math.random()): void {
    this.#held = {
      token,
      plan: plan(receivedAt, expiresAt, draw, this.#options),
      draw,
      promise: Promise.resolve(token.value),
    };
    this.#refused = false;
    this.#freshUntil = this.#held.plan.refreshAt;
  }

  /** Stores the token that is held. Nobody waits for it: a token is handed out whatever the storage says. */
  #store(): void {
    const { identity } = this.#options;
    const { token, plan, draw } = this.#held!;
    const at = Date.now();
    const ahead = Math.round(this.#clock.ahead());
    const record = {
      token: token.value,
      at,
      ahead,
      draw,
      ...(token.exp === undefined && plan.expiresAt !== Infinity && { expiresAt: plan.expiresAt }),
      ...(identity !== undefined && { identity }),
    };
    this.#storage?.write(token.value ? writeRecord(record) : null, plan.expiresAt - ahead);
  }

  /** Counts a failure and says how long to leave the source alone, from `since` on. */
  #backOff(since: number, retryAfter?: number): number {
    this.#failures++;
    const delay = retryDelay(this.#failures, Math.random(), retryAfter);
    this.#retryAt = since + delay;
    this.#callAt = this.#failures > FREE_FAILURES || retryAfter ? this.#retryAt : -Infinity;
    return delay;
  }

  /** Refreshes if it is time, else sees to it that somebody looks again. */
  #check(): void {
    const held = this.#held;
    const due = held ? this.#refused || this.#clock.now() >= held.plan.refreshAt : this.#error;
    if (due) this.#refreshInBackground();
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const held = this.#held;
    if (!held || !this.#options.autoRefresh || this.#flight || this.#refused) return;
    const now = this.#clock.now();
    const delay = Math.max(held.plan.refreshAt - now, this.#retryAt - this.#clock.elapsed());
    // Past its end there is nothing to keep alive: the next caller asks.
    if (delay === Infinity || now + delay >= held.plan.expiresAt) return;
    const timer = setTimeout(() => isHidden() || this.#check(), timerDelay(delay));
    this.#timer = timer;
    // On Node it must not keep the process alive.
    (timer as { unref?(): void }).unref?.();
  }

  /** The first call, and the first after `clear()`. */
  #start(): void {
    if (!this.#started) {
      this.#started = true;
      if (this.#held) {
        this.#freshUntil = this.#held.plan.refreshAt;
        this.#store();
        this.#arm();
      }
    }
    if (!this.#options.autoRefresh || this.#stopWaking) return;
    this.#stopWaking = onWake((type) => {
      if (type === "online") {
        this.#retryAt = this.#callAt = -Infinity;
        this.#flight?.skipPause?.();
      }
      if (!isHidden()) this.#check();
    });
  }

  /** Back to nothing: no token, no timer, no listener, and who waits is told why. */
  #stop(reason: CubeTokenError): void {
    clearTimeout(this.#timer);
    this.#stopWaking?.();
    this.#flight?.controller.abort(reason);
    this.#stopWaking = this.#flight = this.#held = this.#error = undefined;
    this.#freshUntil = -Infinity;
    this.#refused = false;
    // The page's own token must not come back either.
    this.#started = true;
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
