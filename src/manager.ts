import { abortable } from "./core/abort.js";
import { answer } from "./core/calls.js";
import { createCore } from "./core/create.js";
import type { Core } from "./core/dispatch.js";
import { refuse, start } from "./core/lifecycle.js";
import { freshUntil } from "./core/serve.js";
import { disposed, signOutAll, stop, superseded } from "./core/sign-out.js";
import { createSnapshot } from "./core/snapshot.js";
import { createTimer } from "./core/timer.js";
import { securityContext } from "./core/token.js";
import { CubeTokenError } from "./errors.js";
import type { CubeTokenManagerOptions } from "./options.js";
import type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "./types.js";

declare global {
  /** As `lib.esnext.disposable` has it, which TypeScript before 5.2 lacks. */
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/** So long a fresh token goes out by the wall clock alone (ms): both clocks cost as much as all the rest of a call. */
const HOT = 50;

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
  readonly #core: Core;
  readonly #snapshot = createSnapshot();
  /** Between these two instants of the wall clock this goes out without a further look. */
  #hot: Promise<string> | undefined;
  #hotFrom = 0;
  #hotUntil = 0;

  /**
   * Touches nothing but its arguments: the first `getToken()` starts timers and listeners.
   *
   * @throws {TypeError} on none or both of `endpoint` and `fetchToken`, an unknown option, or a value of the wrong kind.
   */
  constructor(options: CubeTokenManagerOptions) {
    const arm = createTimer(() => this.#core);
    this.#core = createCore(options, () => {
      this.#hotUntil = 0;
      arm();
    });
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
    const wall = Date.now();
    const isPlain = !options || !(options.forceRefresh || options.signal);
    if (isPlain && wall < this.#hotUntil && wall >= this.#hotFrom) return this.#hot!;
    try {
      return this.#call(options ?? {}, wall);
    } catch (error) {
      return Promise.reject(error);
    }
  };

  #call({ forceRefresh, signal }: GetTokenOptions, wall: number): Promise<string> {
    const core = this.#core;
    const aborted = () =>
      new CubeTokenError("ERR_ABORTED", "The caller's signal was aborted.", { cause: signal?.reason });
    if (signal?.aborted) throw aborted();
    if (core.phase === "disposed") throw disposed();
    if (core.phase === "superseded") throw superseded();
    if (core.phase === "idle") start(core);
    const token = answer(core, forceRefresh);
    const left = freshUntil(core) - core.clock.now();
    if (left > 0) {
      this.#hot = core.held!.promise;
      this.#hotFrom = wall;
      this.#hotUntil = wall + Math.min(left, HOT);
    }
    return signal ? abortable(token, signal, aborted) : token;
  }

  /** The state now; the same object until something changes (for React's `useSyncExternalStore`). */
  readonly getSnapshot = (): TokenSnapshot => this.#snapshot(this.#core, this.#core.clock.now());

  /**
   * Calls `listener` at every change. One that throws hurts nobody: its error goes to `window.onerror`.
   *
   * @returns a function that ends it.
   */
  readonly subscribe = (listener: (event: TokenEvent) => void): (() => void) => {
    const core = this.#core;
    // A wrapper, so that a function subscribed twice is called twice and each end ends one.
    const entry = (event: TokenEvent) => listener(event);
    core.listeners?.add(entry);
    // Who listens hears of what time changes, too.
    core.changed();
    return () => {
      core.listeners?.delete(entry);
      core.changed();
    };
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
    const claims = this.#core.held?.token.claims;
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
    const { held } = this.#core;
    if (held && !held.refused && (rejectedToken ?? held.token.value) === held.token.value) refuse(this.#core);
  };

  /**
   * Sign-out: aborts what is in flight (who waits gets `ERR_CLEARED`), forgets, erases, and signs out the other tabs.
   * No late answer brings a token back. The next `getToken()` starts anew.
   *
   * @returns when the storage is erased too; after a second at most, and never rejects.
   */
  readonly clear = (): Promise<void> => signOutAll(this.#core);

  /** Removes every timer, listener, lock request and channel. Who waits, and every later `getToken()`, gets `ERR_DISPOSED`. The storage stays. */
  readonly dispose = (): void => {
    stop(this.#core, "disposed", disposed());
    this.#core.listeners = undefined;
  };

  /** The same as {@link dispose}, for `using`. */
  declare [Symbol.dispose]: () => void;
}
