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
  /** As in `lib.esnext.disposable`, which TypeScript before 5.2 lacks. */
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/** How long the wall clock alone decides on a fresh token (ms): reading both clocks costs as much as the rest of a call. */
const HOT = 50;

/**
 * Keeps a valid token ready for every Cube query: fetched once, shared by all callers, refreshed before it expires.
 *
 * Each call of `getToken()` decides by the clock. The timer only saves latency, so a timer that never fires (sleep,
 * throttling, freezing) never yields an expired token. Use one manager per signed-in user. All members are bound.
 *
 * @example
 * const tokens = new CubeTokenManager({ endpoint: "/auth/cubejs-token" });
 * const cubeApi = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
 */
export class CubeTokenManager implements TokenProvider {
  readonly #core: Core;
  readonly #snapshot = createSnapshot();
  /** Returned without further checks between these two instants of the wall clock. */
  #hot: Promise<string> | undefined;
  #hotFrom = 0;
  #hotUntil = 0;

  /**
   * Has no side effects; the first `getToken()` starts timers and listeners.
   *
   * @throws {TypeError} unless exactly one of `endpoint` and `fetchToken` is given, and on an unknown option or a value
   * of the wrong type.
   * @example
   * const tokens = new CubeTokenManager({ endpoint: "/auth/cubejs-token", refreshBefore: 60_000 });
   */
  constructor(options: CubeTokenManagerOptions) {
    const arm = createTimer(() => this.#core);
    this.#core = createCore(options, () => {
      this.#hotUntil = 0;
      arm();
      // Without listeners, the snapshot is not needed until it is read.
      if (this.#core.listeners?.size) this.#look();
    });
    if (Symbol.dispose) this[Symbol.dispose] = this.dispose;
  }

  /**
   * Resolves to a token that is valid now. A fresh token: at once. Within `refreshBefore` of its expiry: at once, while
   * one refresh runs in the background. Otherwise: when the refresh that all callers share is done.
   *
   * Resolves to `""` if no token is needed (`fetchToken` returned `""`).
   *
   * @throws {CubeTokenError} by rejecting, never synchronously; with the defaults after at most 25 s. During a pause
   * after failures it rejects with the last error at once, without a request.
   * @example
   * const token = await tokens.getToken();
   * @example
   * // After a new sign-in: always asks the source.
   * await tokens.getToken({ forceRefresh: true });
   */
  readonly getToken = (options?: GetTokenOptions): Promise<string> => {
    try {
      const wall = Date.now();
      const isPlain = !options || !(options.forceRefresh || options.signal);
      if (isPlain && wall < this.#hotUntil && wall >= this.#hotFrom) return this.#hot!;
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

  /**
   * The current state; the same object until something changes, as React's `useSyncExternalStore` requires.
   *
   * @example
   * const { status, expiresAt, claims, error } = tokens.getSnapshot();
   */
  readonly getSnapshot = (): TokenSnapshot => this.#look();

  #look(): TokenSnapshot {
    return this.#snapshot(this.#core, this.#core.clock.now(), !!this.#core.listeners?.size);
  }

  /**
   * Calls `listener` on every change, including those caused by time alone. A throwing listener does not affect the
   * others; its error goes to `window.onerror`.
   *
   * @returns a function that unsubscribes.
   * @example
   * const unsubscribe = tokens.subscribe((event) => {
   *   if (event.type === "cleared" && event.from !== "here") location.reload();
   * });
   */
  readonly subscribe = (listener: (event: TokenEvent) => void): (() => void) => {
    const core = this.#core;
    // A wrapper, so that a function subscribed twice is called twice, and each unsubscribe removes one.
    const entry = (event: TokenEvent) => listener(event);
    core.listeners?.add(entry);
    // With a listener, the timer also fires for changes caused by time.
    core.changed();
    return () => {
      core.listeners?.delete(entry);
      core.changed();
    };
  };

  /**
   * Returns what Cube's data model will see as `SECURITY_CONTEXT`, from the claims of the current token: flat, with those
   * in the legacy `u` moved to the top level, or only the claim named by `claimsNamespace`
   * (`CUBEJS_JWT_CLAIMS_NAMESPACE`). The claims are not verified. `queryRewrite` sees them unchanged, as in
   * `getSnapshot().claims`.
   *
   * @param options `claimsNamespace`: the namespace, if Cube is configured with one.
   * @returns `undefined` if there is no token, or one without claims.
   * @example
   * const tenantId = tokens.securityContext()?.tenantId;
   */
  readonly securityContext = ({
    claimsNamespace,
  }: {
    /**
     * The claim that holds Cube's claims.
     * @example
     * const context = tokens.securityContext({ claimsNamespace: "https://example.com/cube" });
     */
    claimsNamespace?: string;
  } = {}): Record<string, unknown> | undefined => {
    const claims = this.#core.held?.token.claims;
    return claims && securityContext(claims, claimsNamespace);
  };

  /**
   * Reports that Cube rejected the token: the next `getToken()` gets another. Has no effect if that token has been
   * replaced already. A source whose fresh tokens are rejected is asked as rarely as one that fails; in the meantime the
   * rejected token is returned, so that callers see Cube's own answer.
   *
   * @param rejectedToken the rejected token. @default the current one
   * @example
   * if (response.status === 403) tokens.invalidate(token);
   */
  readonly invalidate = (rejectedToken?: string): void => {
    const { held } = this.#core;
    if (held && !held.refused && (rejectedToken ?? held.token.value) === held.token.value) refuse(this.#core);
  };

  /**
   * Signs out, here and in every tab that shares the storage: forgets the token and erases it. Pending calls reject with
   * `ERR_CLEARED`, and a late response cannot restore the token. The next `getToken()` requests a new one.
   *
   * Call it after the server has ended the session: before that, another tab may fetch a new token.
   *
   * @returns a promise that resolves when the storage is erased, after a second at most. It never rejects.
   * @example
   * await fetch("/auth/sign-out", { method: "POST" });
   * await tokens.clear();
   */
  readonly clear = (): Promise<void> => signOutAll(this.#core);

  /**
   * Removes every timer, listener, lock request and channel. Pending and later calls of `getToken()` reject with
   * `ERR_DISPOSED`. The stored token stays.
   *
   * @example
   * import.meta.hot?.dispose(tokens.dispose);
   */
  readonly dispose = (): void => {
    stop(this.#core, "disposed", disposed());
    this.#core.listeners = undefined;
  };

  /**
   * The same as {@link dispose}, for `using`.
   *
   * @example
   * using tokens = new CubeTokenManager({ endpoint: "https://app.example.com/auth/cubejs-token" });
   */
  declare [Symbol.dispose]: () => void;
}
