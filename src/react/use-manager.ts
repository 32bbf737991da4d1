import { useEffect, useRef, useState } from "react";
import { CubeTokenManager } from "../manager.js";
import type { CubeTokenManagerOptions } from "../options.js";
import type { SourceContext } from "../source/source.js";

/** A manager, and the options that it was created with. */
interface Owned {
  readonly manager: CubeTokenManager;
  readonly key: string;
  readonly identity: string | undefined;
  /** From the last render, for its functions. */
  options: CubeTokenManagerOptions;
  isDisposed: boolean;
}

/** Strings, numbers and booleans: a change creates a new manager. Functions and storages are new objects at each render. */
function keyOf({ initialToken: _, ...options }: CubeTokenManagerOptions): string {
  const plain = Object.entries(options)
    .map(([name, value]) => [name, value instanceof URL ? value.href : value])
    .filter(([, value]) => /string|number|boolean/.test(typeof value));
  return JSON.stringify(plain.sort());
}

function own(options: CubeTokenManagerOptions): Owned {
  const { fetchToken, request } = options ?? {};
  const manager = new CubeTokenManager({
    ...options,
    ...(fetchToken && {
      // With its properties: parentTokens() attaches onSignOut().
      fetchToken: Object.assign((context: SourceContext) => owned.options.fetchToken!(context), fetchToken),
    }),
    // A later render may pass one. The manager rejects anything but an object or a function.
    ...(!fetchToken &&
      (request === undefined || request === Object(request)) && {
        request: (context: SourceContext) => {
          const latest = owned.options.request;
          return typeof latest === "function" ? latest(context) : (latest ?? {});
        },
      }),
  } as CubeTokenManagerOptions);
  const owned: Owned = {
    manager,
    key: keyOf(options),
    identity: options.identity,
    options,
    isDisposed: false,
  };
  return owned;
}

/** @param isSignOut whether the user has changed: then the previous user's token is erased, too. */
function dispose(owned: Owned, isSignOut: boolean): void {
  owned.isDisposed = true;
  // Erases synchronously, also after dispose(): the user may have changed while the component was hidden.
  if (isSignOut) owned.manager.clear();
  owned.manager.dispose();
}

/**
 * Returns a manager that belongs to this component: created on the first render, disposed of after unmount. Works with
 * StrictMode, Fast Refresh, hidden `<Activity>`s and server rendering.
 *
 * A change of `identity`, `endpoint`, `storageKey` or any other string, number or boolean creates a new manager: pass the
 * new `tokens` to `createCubeApi`. If `identity` changes from one user to another, the old manager is signed out
 * (`clear()`). If there was no `identity` before, as while a profile loads, the old manager is only disposed of.
 * `fetchToken` and `request` (also as an object) may be new at each render: the latest one is used. `storage`, `fetch` and
 * `initialToken` are taken from the render that creates the manager.
 *
 * @param options the options of `CubeTokenManager`.
 * @throws {TypeError} if `new CubeTokenManager(options)` throws it.
 *
 * @example
 * function Dashboard({ user }: { user: { id: string } }) {
 *   const tokens = useCubeTokenManager({ endpoint: "/auth/cubejs-token", identity: user.id });
 *   const cubeApi = useMemo(() => createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" }), [tokens]);
 *   return <CubeProvider key={user.id} cubeApi={cubeApi}>…</CubeProvider>;
 * }
 */
export function useCubeTokenManager(options: CubeTokenManagerOptions): CubeTokenManager {
  const [owned, setOwned] = useState(() => own(options));
  const key = keyOf(options);
  let current = owned;
  if (current.key !== key || current.isDisposed) {
    current = own(options);
    // Renders again immediately, before anything is shown.
    setOwned(current);
  }
  const last = useRef<Owned | undefined>(undefined);

  useEffect(() => {
    current.options = options;
  });

  useEffect(() => {
    const before = last.current;
    last.current = current;
    if (before && before !== current) {
      dispose(before, before.identity !== undefined && before.identity !== current.identity);
    }
    // The component was hidden, and is shown again.
    if (current.isDisposed) setOwned(own(current.options));
    clearTimeout(goodbyes.get(current));
    return () => {
      // StrictMode and Fast Refresh clean up effects and rerun them synchronously. Only after that the unmount is final.
      const ended = setTimeout(() => dispose(current, false));
      goodbyes.set(current, ended);
    };
  }, [current]);

  return current.manager;
}

const goodbyes = new WeakMap<Owned, ReturnType<typeof setTimeout>>();
