import { CubeApi, type CubeApiOptions } from "@cubejs-client/core";
import type { TokenEvent, TokenSnapshot } from "../types.js";
import type { CubeWorker } from "./attach.js";
import { connect } from "./connect.js";
import { remoteRequest, remoteStream } from "./request.js";

/**
 * Cube's options that concern the page. The worker decides where Cube is and how it is queried.
 *
 * @example
 * const options: IsolatedCubeApiOptions = { castNumerics: true, pollInterval: 2 };
 */
export type IsolatedCubeApiOptions = Pick<
  CubeApiOptions,
  "pollInterval" | "parseDateMeasures" | "castNumerics" | "networkErrorRetries" | "signal"
>;

const OPTIONS = ["pollInterval", "parseDateMeasures", "castNumerics", "networkErrorRetries", "signal"];

/**
 * Creates Cube's own client, with a worker that sends its requests: the page gets rows, never the token. `load`,
 * `subscribe`, `sql`, `meta`, `dryRun`, `cubeSql`, `cubeSqlStream`, `signal`, `progressCallback` and errors work as with
 * `createCubeApi`.
 *
 * A script in the page can still query Cube through the worker while the page is open, or request a token from the endpoint
 * itself with the user's cookie.
 *
 * @typeParam Api the same as for `createCubeApi`.
 * @param worker a `Worker` or a `SharedWorker` whose script calls `serveCube()`, or a function that starts one. The function
 * is called again if the worker dies, and pending queries are then sent once more.
 * @param options Cube's `CubeApiOptions` that concern the page.
 * @throws {TypeError} if `worker` is not a worker, or on an option that only the worker may set (`apiUrl`, `headers`, …).
 *
 * @example
 * const worker = () => new Worker(new URL("./cube-worker.js", import.meta.url), { type: "module" });
 * const cubeApi = createIsolatedCubeApi(worker);
 */
export function createIsolatedCubeApi<Api = CubeApi>(
  worker: CubeWorker | (() => CubeWorker),
  options?: IsolatedCubeApiOptions,
): Api;
export function createIsolatedCubeApi(
  worker: CubeWorker | (() => CubeWorker),
  options?: IsolatedCubeApiOptions,
): CubeApi;
export function createIsolatedCubeApi(
  worker: CubeWorker | (() => CubeWorker),
  options: IsolatedCubeApiOptions = {},
): CubeApi {
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) {
      throw new TypeError(`createIsolatedCubeApi: "${name}" is set in the worker. Pass it to serveCube().`);
    }
  }
  const connection = connect(worker, "createIsolatedCubeApi");
  const { signal } = options;
  const withSignal = (params: Record<string, unknown>) => ({ ...params, signal: params.signal ?? signal });
  const transport = {
    authorization: undefined,
    request: (method: string, params: Record<string, unknown>) =>
      remoteRequest(connection, method, withSignal(params)),
    requestStream: (method: string, params: object) =>
      remoteStream(connection, method, withSignal(params as Record<string, unknown>)),
  };
  return new CubeApi({ ...options, transport: transport as never } as unknown as CubeApiOptions);
}

/**
 * The state of the worker's manager. There is no `getToken`: the token stays in the worker.
 *
 * @example
 * const tokens: IsolatedTokens = isolatedTokens(worker);
 */
export interface IsolatedTokens {
  /**
   * Returns the latest state that the worker has reported: the same object until something changes.
   * @example
   * const { status, claims } = isolatedTokens(worker).getSnapshot();
   */
  getSnapshot(): TokenSnapshot;
  /**
   * Calls `listener` on every change; returns a function that unsubscribes.
   * @example
   * const unsubscribe = isolatedTokens(worker).subscribe(console.debug);
   */
  subscribe(listener: (event: TokenEvent) => void): () => void;
  /**
   * Discards the worker's token: the next request gets a new one.
   * @example
   * isolatedTokens(worker).invalidate();
   */
  invalidate(): void;
  /**
   * Signs out. Call it after the server has ended the session: see `CubeTokenManager`.
   * @example
   * await fetch("/auth/sign-out", { method: "POST" });
   * await isolatedTokens(worker).clear();
   */
  clear(): Promise<void>;
}

/**
 * Returns the state of the manager in a worker, for example for `useCubeToken`. All members are bound.
 *
 * @param worker the same as for {@link createIsolatedCubeApi}, so that both share one connection. A function is called
 * on the first subscription or query.
 * @throws {TypeError} if `worker` is not a worker.
 *
 * @example
 * const tokens = isolatedTokens(worker);
 * tokens.subscribe((event) => {
 *   if (event.type === "cleared" && event.from !== "here") location.reload();
 * });
 */
export function isolatedTokens(worker: CubeWorker | (() => CubeWorker)): IsolatedTokens {
  const connection = connect(worker, "isolatedTokens");
  return {
    getSnapshot: () => connection.snapshot,
    subscribe(listener) {
      const entry = (event: TokenEvent) => listener(event);
      connection.listeners.add(entry);
      connection.open();
      return () => void connection.listeners.delete(entry);
    },
    invalidate: () => connection.post(["invalidate"]),
    async clear() {
      // A worker that has stopped has no token any more.
      await connection.call(["clear", connection.nextId()]).catch(() => {});
    },
  };
}
