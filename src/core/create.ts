import { type CubeTokenManagerOptions, resolveOptions } from "../options.js";
import { endpointSource } from "../source/endpoint.js";
import { functionSource } from "../source/function.js";
import type { Source } from "../source/source.js";
import type { TokenEvent } from "../types.js";
import { NBF_TOLERANCE } from "./adopt.js";
import { Clock } from "./clock.js";
import type { Connected } from "./connect.js";
import type { Core } from "./dispatch.js";
import { hold } from "./held.js";
import type { Peers } from "./peers.js";
import { place } from "./schedule.js";
import { empty } from "./state.js";
import { CONNECT } from "./symbols.js";
import { readToken } from "./token.js";

const wall = () => Date.now();
const mono = () => performance.now();
/**
 * On a server the wall clock is read only once the manager is used: Next.js rejects pages that read it during
 * prerendering. https://nextjs.org/docs/messages/blocking-prerender-current-time-client
 */
const isPageOrWorker = () => "document" in globalThis || "importScripts" in globalThis;

/** A class because of its getters: those of an object literal are created per manager, which is slower than reading a token. */
class Lazy {
  readonly made = mono();
  /** Read at once if the machine may sleep before the first call: `performance.now()` does not count that time. */
  #madeAt = isPageOrWorker() ? wall() : undefined;
  #clock: Clock | undefined;
  #peers: Peers | undefined;
  openPeers: (() => Peers) | undefined;

  get clock(): Clock {
    this.#clock ??= new Clock(wall, mono);
    return this.#clock;
  }

  get madeAt(): number {
    this.#madeAt ??= wall() - (mono() - this.made);
    return this.#madeAt;
  }

  get peers(): Peers | undefined {
    this.#peers ??= this.openPeers?.();
    return this.#peers;
  }
}

/** Creates an idle manager. @param changed see {@link Core}. */
export function createCore(given: CubeTokenManagerOptions, changed: () => void): Core {
  const options = resolveOptions(given);
  const { endpoint, request, fetch, fetchToken, initialToken } = options;
  const source = fetchToken ? functionSource(fetchToken) : endpointSource(endpoint, request, fetch);
  const core = Object.assign(new Lazy(), empty("idle", -Infinity), {
    options,
    changed,
    source: guarded(source, (isCalling) => {
      core.isCallingSource = isCalling;
    }),
    isCallingSource: false,
    run: undefined,
    queued: undefined,
    session: {},
    connect: undefined,
    disconnect: undefined,
    listeners: new Set<(event: TokenEvent) => void>(),
  });
  core.openPeers = (options.storage as Connected | undefined)?.[CONNECT](core);
  if (!initialToken) return core;
  try {
    const token = readToken(initialToken);
    const { clock, madeAt } = core;
    clock.atLeast(token);
    const { exp = Infinity, nbf = 0 } = token;
    const now = clock.now();
    const came = { draw: place(Math.random(), true), since: madeAt, at: madeAt };
    if (exp > now && nbf <= now + NBF_TOLERANCE)
      Object.assign(core, { held: hold(token, now, exp, came, options) });
  } catch {
    // A malformed initial token counts as none.
  }
  return core;
}

/** Reports when the synchronous part of the source runs: a `getToken()` called there would wait for itself. */
const guarded = (source: Source, tell: (isCalling: boolean) => void): Source => ({
  ...source,
  ask(attempt) {
    tell(true);
    try {
      return source.ask(attempt);
    } finally {
      tell(false);
    }
  },
});
