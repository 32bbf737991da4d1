import cube, { type CubeApi } from "@cubejs-client/core";
import { expectTypeOf, it } from "vitest";
import {
  CubeTokenError,
  type CubeTokenErrorCode,
  CubeTokenManager,
  type CubeTokenManagerOptions,
  cookieStorage,
  type GetTokenOptions,
  indexedDBStorage,
  isCubeTokenError,
  memoryStorage,
  type TokenEvent,
  type TokenSnapshot,
  type TokenStorage,
  tokenFromCookies,
  webStorage,
  withTokens,
} from "../../src/index.js";

const tokens = new CubeTokenManager({ endpoint: "/token" });

it("passes into cube() of @cubejs-client/core", () => {
  expectTypeOf(cube(tokens.getToken, { apiUrl: "/cubejs-api/v1" })).toEqualTypeOf<CubeApi>();
});

it("takes exactly one of endpoint and fetchToken", () => {
  new CubeTokenManager({ endpoint: new URL("https://example.com") });
  new CubeTokenManager({ fetchToken: async () => "token" });
  // @ts-expect-error none
  new CubeTokenManager({});
  // @ts-expect-error none of them, but others
  new CubeTokenManager({ storage: memoryStorage() });
  // @ts-expect-error both
  new CubeTokenManager({ endpoint: "/token", fetchToken: async () => "token" });
  // @ts-expect-error an option of the other source
  new CubeTokenManager({ fetchToken: async () => "token", request: {} });
  // @ts-expect-error misspelt
  new CubeTokenManager({ endpoint: "/token", refreshbefore: 1 });
  // @ts-expect-error of the wrong type
  new CubeTokenManager({ endpoint: "/token", minValidity: "10s" });
  // @ts-expect-error no options at all
  new CubeTokenManager();
});

it("types what fetchToken gets and gives", () => {
  new CubeTokenManager({
    fetchToken: async ({ signal, rejectedToken }) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(rejectedToken).toEqualTypeOf<string | undefined>();
      return { token: "token", expires_in: 300 };
    },
  });
  new CubeTokenManager({ fetchToken: async () => null });
  // @ts-expect-error undefined is no answer
  new CubeTokenManager({ fetchToken: async () => undefined });
  // @ts-expect-error it is asynchronous
  new CubeTokenManager({ fetchToken: () => "token" });
});

it("takes every storage, localStorage as it is, and asynchronous ones", () => {
  expectTypeOf(localStorage).toExtend<TokenStorage>();
  for (const storage of [
    memoryStorage(),
    webStorage("session"),
    indexedDBStorage(),
    cookieStorage({ path: "/" }),
  ]) {
    expectTypeOf(storage).toEqualTypeOf<TokenStorage>();
  }
  const asyncStorage = {
    getItem: async (_key: string): Promise<string | null> => null,
    setItem: async (_key: string, _value: string): Promise<void> => {},
    removeItem: async (_key: string): Promise<void> => {},
  };
  expectTypeOf(asyncStorage).toExtend<TokenStorage>();
});

it("gives events that are told apart by their type", () => {
  tokens.subscribe((event) => {
    expectTypeOf(event).toEqualTypeOf<TokenEvent>();
    if (event.type === "refreshfailed") {
      expectTypeOf(event.error.code).toEqualTypeOf<CubeTokenErrorCode>();
    } else if (event.type === "storagefailed") {
      expectTypeOf(event.operation).toEqualTypeOf<"getItem" | "setItem" | "removeItem">();
    } else if (event.type === "refreshed") {
      expectTypeOf(event.from).toEqualTypeOf<"source" | "storage">();
    } else if (event.type === "cleared") {
      expectTypeOf(event.from).toEqualTypeOf<"here" | "tab" | "identity">();
    } else if (event.type === "attemptfailed") {
      expectTypeOf(event.retryIn).toEqualTypeOf<number | undefined>();
    } else if (event.type === "requested") {
      expectTypeOf(event.attempt).toEqualTypeOf<number>();
    } else {
      expectTypeOf(event.type).toEqualTypeOf<
        "refreshing" | "waiting" | "stale" | "expired" | "invalidated"
      >();
      // @ts-expect-error no event carries the token
      event.token;
    }
  });
});

it("gives a snapshot that cannot be written, without a token", () => {
  const snapshot = tokens.getSnapshot();
  expectTypeOf(snapshot).toEqualTypeOf<TokenSnapshot>();
  expectTypeOf(snapshot.status).toEqualTypeOf<"empty" | "fresh" | "stale" | "expired">();
  // @ts-expect-error it is read-only
  snapshot.status = "fresh";
  // @ts-expect-error it holds none
  snapshot.token;
});

it("types the members", () => {
  expectTypeOf(tokens.getToken).returns.toEqualTypeOf<Promise<string>>();
  expectTypeOf<Parameters<typeof tokens.getToken>>().toEqualTypeOf<[options?: GetTokenOptions | undefined]>();
  expectTypeOf<{ forceRefresh: boolean; signal: AbortSignal }>().toExtend<GetTokenOptions>();
  expectTypeOf<Parameters<typeof tokens.invalidate>>().toEqualTypeOf<[rejectedToken?: string | undefined]>();
  expectTypeOf(tokens.clear).returns.toEqualTypeOf<Promise<void>>();
  expectTypeOf(tokens.dispose).returns.toEqualTypeOf<void>();
  expectTypeOf(tokens.subscribe).returns.toEqualTypeOf<() => void>();
  expectTypeOf(tokens).toExtend<Disposable>();
  expectTypeOf(tokenFromCookies("a=b")).toEqualTypeOf<string | undefined>();
});

it("narrows an error", () => {
  const error: unknown = new CubeTokenError("ERR_NETWORK", "text");
  if (isCubeTokenError(error)) expectTypeOf(error).toEqualTypeOf<CubeTokenError>();
  // @ts-expect-error no such code
  new CubeTokenError("ERR_WHATEVER", "text");
});

it("lets options be built step by step", () => {
  const options: CubeTokenManagerOptions = {
    endpoint: "/token",
    identity: undefined,
    initialToken: undefined,
  };
  new CubeTokenManager(options);
});

it("wraps the transports of @cubejs-client/core 1.0 to 1.2, whose token is protected", () => {
  class OldTransport {
    protected authorization: string | undefined;
    request(_method: string, _params: object) {
      return {
        subscribe: async (_callback: (result: Response, again: () => Promise<unknown>) => unknown) => null,
      };
    }
  }
  expectTypeOf(withTokens(new OldTransport(), tokens)).toExtend<OldTransport>();
});
