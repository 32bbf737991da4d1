import { useEffect, useRef, useState } from "react";
import { CubeTokenManager } from "../manager.js";
import type { CubeTokenManagerOptions } from "../options.js";
import type { SourceContext } from "../source/source.js";

/** A manager, and the options that it was made of. */
interface Owned {
  readonly manager: CubeTokenManager;
  readonly key: string;
  readonly identity: string | undefined;
  /** Its functions as the last render gave them. */
  options: CubeTokenManagerOptions;
  isDisposed: boolean;
}

/** What makes another manager: text, numbers and switches. Functions and storages are new objects at each render. */
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
      // With what is attached to it: parentTokens() also tells of the host's sign-out.
      fetchToken: Object.assign((context: SourceContext) => owned.options.fetchToken!(context), fetchToken),
    }),
    // One may come later. What is no object and no function, the manager refuses.
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

/** @param isSignOut the user has changed: nothing of theirs stays. */
function dispose(owned: Owned, isSignOut: boolean): void {
  owned.isDisposed = true;
  // It erases at once, also after dispose(): the user may have changed while the component was hidden.
  if (isSignOut) owned.manager.clear();
  owned.manager.dispose();
}

/**
 * A manager that belongs to this component: created when it first renders, disposed of after it has unmounted. Works
 * under StrictMode, Fast Refresh, hidden `<Activity>`s and server rendering.
 *
 * A change of `identity`, `endpoint`, `storageKey` or any other text, number or boolean creates a new manager: pass the
 * new `tokens` to `createCubeApi`. When one user follows another, the old manager is signed out (`clear()`); when the user
 * was not known before, as while a profile loads, it is only disposed of. `fetchToken` and `request` (also as an object)
 * may be new at each render: the latest one is used. `storage`, `fetch` and `initialToken` are taken from the render that
 * creates the manager.
 *
 * @param options the options of `CubeTokenManager`.
 * @throws {TypeError} wherever `new CubeTokenManager(options)` does.
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
    // Renders again at once, before anything is shown.
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
    // Hidden for a while, and shown again.
    if (current.isDisposed) setOwned(own(current.options));
    clearTimeout(goodbyes.get(current));
    return () => {
      // StrictMode and Fast Refresh take effects back and run them again in one go: only who is gone after that is gone.
      const ended = setTimeout(() => dispose(current, false));
      goodbyes.set(current, ended);
    };
  }, [current]);

  return current.manager;
}

const goodbyes = new WeakMap<Owned, ReturnType<typeof setTimeout>>();
