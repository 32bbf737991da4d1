/**
 * React hooks: a manager owned by a component, and the state of a manager. Needs `react`.
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
 * Returns the state of a manager, and re-renders this component whenever it changes.
 *
 * On a server and during hydration its `status` is `"empty"`, because both must render the same.
 *
 * @param tokens a `CubeTokenManager`, or `isolatedTokens(worker)`. A later render may pass another one.
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
