/** What the blocks of the documentation take for granted: what a page has got from somewhere else. */
import type { HttpTransport as CubeHttpTransport } from "@cubejs-client/core";
import type { UserManager as OidcUserManager } from "oidc-client-ts";
import type { useMemo as reactUseMemo } from "react";
import type * as vitest from "vitest";
import type { onScopeDispose as vueOnScopeDispose, shallowRef as vueShallowRef } from "vue";
import type * as schedule from "../../src/core/schedule.js";
import type * as cubeEntry from "../../src/cube/index.js";
import type * as full from "../../src/full.js";
import type * as main from "../../src/index.js";

declare global {
  const CubeTokenManager: typeof main.CubeTokenManager;
  const webStorage: typeof main.webStorage;
  const createCubeApi: typeof cubeEntry.createCubeApi;
  const cubeTokenManager: typeof full;
  const tokens: main.CubeTokenManager;
  const apiUrl: string;

  const HttpTransport: typeof CubeHttpTransport;
  const gatewayCredentials: string;
  function csrfToken(): string;

  const UserManager: typeof OidcUserManager;
  const authority: string;
  const client_id: string;
  const redirect_uri: string;
  const scope: string;
  const auth0: { getTokenSilently(options: { cacheMode: "off" }): Promise<string> };
  function fetchAuthSession(options: { forceRefresh: boolean }): Promise<{
    tokens: { idToken: { toString(): string } };
  }>;

  const it: typeof vitest.it;
  const expect: typeof vitest.expect;
  const retryDelay: typeof schedule.retryDelay;

  const useMemo: typeof reactUseMemo;
  function Chart(): null;
  const shallowRef: typeof vueShallowRef;
  const onScopeDispose: typeof vueOnScopeDispose;
}
