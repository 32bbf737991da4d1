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
 * The state of a manager, for components that show it. Re-renders this component only, whenever the state changes.
 *
 * On a server and during hydration its `status` is `"empty"`, because both must render the same.
 *
 * @param tokens a `CubeTokenManager`, or `isolatedTokens(worker)`. It may be another one at a later render.
 *
 * @example
 * function SessionBanner() {
 *   const { status, error } = useCubeToken(tokens);
 *   if (error?.code === "ERR_UNAUTHENTICATED") return <a href="/sign-in">Sign in again</a>;
 *   return status === "expired" ? <p>Reconnecting…</p> : null;
 * }
 */
export const useCubeToken = (tokens: Pick<TokenProvider, "getSnapshot" | "subscribe">): TokenSnapshot =>
  useSyncExternalStore(tokens.subscribe, tokens.getSnapshot, () => EMPTY);
