/**
 * A manager that a React component owns, and the state of one. Needs `react`.
 *
 * @module cube-token-manager/react
 */

import { useSyncExternalStore } from "react";
import type { TokenProvider, TokenSnapshot } from "../types.js";

export type { CubeTokenError, CubeTokenErrorCode, CubeTokenErrorOptions } from "../errors.js";
export type { CubeTokenManager } from "../manager.js";
export type {
  CommonOptions,
  CubeTokenManagerOptions,
  EndpointOptions,
  FetchTokenOptions,
} from "../options.js";
export type { FetchTokenResult, RequestOption, SourceContext } from "../source/source.js";
export type { TokenStorage } from "../storage/storage.js";
export type { GetTokenOptions, TokenEvent, TokenProvider, TokenSnapshot } from "../types.js";
export { useCubeTokenManager } from "./use-manager.js";

const EMPTY: TokenSnapshot = Object.freeze({ status: "empty", refreshing: false });

/**
 * The state of a manager, for components that show it. Re-renders this component alone, and only when the state changes.
 *
 * On a server, and while its page is hydrated, it is `"empty"`: both must render the same.
 *
 * @param tokens a `CubeTokenManager`, or `isolatedTokens(worker)`; another one makes the component follow that.
 */
export const useCubeToken = (tokens: Pick<TokenProvider, "getSnapshot" | "subscribe">): TokenSnapshot =>
  useSyncExternalStore(tokens.subscribe, tokens.getSnapshot, () => EMPTY);
