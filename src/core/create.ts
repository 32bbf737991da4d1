import { type CubeTokenManagerOptions, resolveOptions } from "../options.js";
import { endpointSource } from "../source/endpoint.js";
import { functionSource } from "../source/function.js";
import type { Source } from "../source/source.js";
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

/** A manager that has done nothing yet. @param changed see {@link Core}. */
export function createCore(given: CubeTokenManagerOptions, changed: () => void): Core {
  const options = resolveOptions(given);
  const { endpoint, request, fetch, fetchToken, initialToken } = options;
  const source = fetchToken ? functionSource(fetchToken) : endpointSource(endpoint, request, fetch);
  let peers: Peers | undefined;
  let clock: Clock | undefined;
  let madeAt: number | undefined;
  const made = performance.now();
  const core: Core = {
    ...empty("idle", -Infinity),
    options,
    // The wall clock is read once the manager is used: Next.js refuses a page that reads it as it is prerendered.
    // https://nextjs.org/docs/messages/blocking-prerender-current-time-client
    get clock(): Clock {
      clock ??= new Clock(
        () => Date.now(),
        () => performance.now(),
      );
      return clock;
    },
    source: guarded(source, (isCalling) => {
      core.isCallingSource = isCalling;
    }),
    get peers(): Peers | undefined {
      peers ??= connect?.();
      return peers;
    },
    get madeAt(): number {
      madeAt ??= Date.now() - (performance.now() - made);
      return madeAt;
    },
    made,
    changed,
    run: undefined,
    queued: undefined,
    session: {},
    isCallingSource: false,
    connect: undefined,
    disconnect: undefined,
    listeners: new Set(),
  };
  const connect = (options.storage as Connected | undefined)?.[CONNECT](core);
  if (initialToken) {
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
      // A page with a broken token in it is a page without one.
    }
  }
  return core;
}

/** Tells while the source is being called: what it calls then can know nothing of its answer. */
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
