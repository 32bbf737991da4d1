import cube, { type CubeApi } from "@cubejs-client/core";
import AsyncStorage1 from "async-storage-1";
import AsyncStorage2 from "async-storage-2";
import { expectTypeOf, it } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { parentTokens, serveFrames } from "../../src/frames/index.js";
import {
  CubeTokenError,
  type CubeTokenErrorCode,
  CubeTokenManager,
  type CubeTokenManagerOptions,
  type CustomStorage,
  cookieStorage,
  customStorage,
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

it("accepts exactly one of endpoint and fetchToken", () => {
  new CubeTokenManager({ endpoint: new URL("https://example.com") });
  new CubeTokenManager({ fetchToken: async () => "token" });
  // @ts-expect-error no source
  new CubeTokenManager({});
  // @ts-expect-error no source, but other options
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

it("types the argument and the result of fetchToken", () => {
  new CubeTokenManager({
    fetchToken: async ({ signal, rejectedToken }) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(rejectedToken).toEqualTypeOf<string | undefined>();
      return { token: "token", expires_in: 300 };
    },
  });
  new CubeTokenManager({ fetchToken: async () => null });
  // The results of identity providers' libraries, unchanged.
  new CubeTokenManager({ fetchToken: async () => undefined });
  new CubeTokenManager({
    fetchToken: async () => ({}) as { access_token: string; expires_in?: number; scope: string },
  });
  new CubeTokenManager({
    fetchToken: async () => ({}) as { accessToken: string; expiresOn: Date | null } | null,
  });
  new CubeTokenManager({ fetchToken: async () => ({ cubeApiToken: "token" }) });
  new CubeTokenManager({ fetchToken: async () => ({ accessToken: "token", expiresIn: 300 }) });
  // @ts-expect-error there is no token in it
  new CubeTokenManager({ fetchToken: async () => ({ jwt: "token" }) });
  // @ts-expect-error it is asynchronous
  new CubeTokenManager({ fetchToken: () => "token" });
});

it("makes storages opaque, and accepts none made by hand", () => {
  for (const storage of [
    memoryStorage(),
    webStorage("session"),
    indexedDBStorage(),
    cookieStorage({ path: "/" }),
  ]) {
    expectTypeOf(storage).toEqualTypeOf<TokenStorage>();
  }
  expectTypeOf<keyof TokenStorage & string>().toEqualTypeOf<never>();
  const raw = { getItem: () => null, setItem() {}, removeItem() {} };
  // @ts-expect-error customStorage() makes one of it
  new CubeTokenManager({ endpoint: "/token", storage: raw });
  // @ts-expect-error webStorage() is one for it
  new CubeTokenManager({ endpoint: "/token", storage: localStorage });
  // @ts-expect-error misspelt
  cookieStorage({ samesite: "Lax" });
  cookieStorage({ partitioned: true });
});

it("makes a storage from anything that stores a string under a name", () => {
  expectTypeOf(AsyncStorage1).toExtend<CustomStorage>();
  expectTypeOf(AsyncStorage2).toExtend<CustomStorage>();
  for (const storage of [AsyncStorage1, AsyncStorage2]) {
    expectTypeOf(customStorage(storage)).toEqualTypeOf<TokenStorage>();
  }
  const values = new Map<string, string>();
  customStorage(
    {
      getItem: (key) => values.get(key),
      setItem: (key, value) => values.set(key, value),
      removeItem: (key) => values.delete(key),
    },
    { shared: true },
  );
  // @ts-expect-error no removeItem
  customStorage({ getItem: () => null, setItem() {} });
  // @ts-expect-error a value that is not a string
  customStorage({ getItem: () => 7, setItem() {}, removeItem() {} });
});

it("discriminates events by their type", () => {
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

it("returns a read-only snapshot without a token", () => {
  const snapshot = tokens.getSnapshot();
  expectTypeOf(snapshot).toEqualTypeOf<TokenSnapshot>();
  expectTypeOf(snapshot.status).toEqualTypeOf<"empty" | "fresh" | "stale" | "expired">();
  // @ts-expect-error it is read-only
  snapshot.status = "fresh";
  // @ts-expect-error it contains none
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
  expectTypeOf(tokenFromCookies("a=b", { storageKey: "k" })).toEqualTypeOf<string | undefined>();
  tokenFromCookies(undefined, { endpoint: "/token", origin: "https://app.example", identity: "ada" });
  tokenFromCookies(null, { endpoint: new URL("https://api.example/token"), identity: undefined });
  // @ts-expect-error neither endpoint nor storageKey
  tokenFromCookies("a=b", { identity: "ada" });
  // @ts-expect-error nothing at all
  tokenFromCookies("a=b");
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

it("makes a fetch from a fetch, for one URL", () => {
  expectTypeOf(withTokens(fetch, tokens, { url: "/cubejs-api" })).toEqualTypeOf<typeof fetch>();
  withTokens(async () => new Response(), tokens, {
    url: new URL("https://cube.example"),
    header: "X-Cube-Authorization",
    scheme: "Bearer",
    isRejected: async (response) => (await response.text()) === "no",
  });
  // @ts-expect-error the token's URL is required
  withTokens(fetch, tokens);
  // @ts-expect-error the token's URL is required
  withTokens(fetch, tokens, {});
  // @ts-expect-error misspelt
  withTokens(fetch, tokens, { url: "/cubejs-api", headers: {} });
});

it("serves tokens to frames, and accepts parentTokens as fetchToken", () => {
  expectTypeOf(serveFrames(tokens, { origins: ["https://charts.example"] })).toEqualTypeOf<() => void>();
  serveFrames((origin) => (origin === "https://charts.example" ? tokens : undefined), { origins: [] });
  new CubeTokenManager({ fetchToken: parentTokens({ origin: "https://app.example", timeout: 5000 }) });
  // @ts-expect-error exact origins must be named
  serveFrames(tokens);
  // @ts-expect-error an origin must be named
  parentTokens({});
});

it("the client fits a package with its own copy of core, and has its own type", () => {
  // Two copies of a class with private fields: neither is assignable to the other.
  class OtherCubeApi {
    private readonly apiToken = "";
    load = () => this.apiToken;
  }
  const other: OtherCubeApi | null = createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
  const memo = <T>(make: () => T): T => make();
  const inCallback = memo<typeof other>(() => createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" }));
  expectTypeOf(inCallback).toEqualTypeOf<OtherCubeApi | null>();
  expectTypeOf(createCubeApi(tokens, { apiUrl: "" })).toEqualTypeOf<CubeApi>();
  expectTypeOf<ReturnType<typeof createCubeApi>>().toEqualTypeOf<CubeApi>();
});
