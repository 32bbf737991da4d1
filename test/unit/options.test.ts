import { describe, expect, it } from "vitest";
import { CubeTokenManager, webStorage } from "../../src/index.js";

const build = (options: unknown) => () => new CubeTokenManager(options as never);
const endpoint = "/token";

describe("options", () => {
  it.each([
    ["nothing at all", undefined],
    ["null", null],
    ["no source", {}],
    ["both sources", { endpoint, fetchToken: async () => "x" }],
    ["undefined sources", { endpoint: undefined, fetchToken: undefined }],
  ])("need exactly one source: %s", (_, options) => {
    expect(build(options)).toThrow(TypeError);
    expect(build(options)).toThrow(/"endpoint".*"fetchToken"/);
  });

  it.each([
    ["endPoint", { endPoint: "/token" }],
    ["refreshbefore", { endpoint, refreshbefore: 1 }],
    ["toString", { endpoint, toString: 1 }],
  ])("that are misspelt are named, with those that exist: %s", (name, options) => {
    expect(build(options)).toThrow(TypeError);
    expect(build(options)).toThrow(`"${name}"`);
    expect(build(options)).toThrow("endpoint, fetchToken");
  });

  it.each([
    [{ endpoint: 42 }],
    [{ endpoint: "" }],
    [{ endpoint: null }],
    [{ fetchToken: "x" }],
    [{ endpoint, request: "POST" }],
    [{ endpoint, request: null }],
    [{ endpoint, fetch: {} }],
    [{ endpoint, initialToken: 42 }],
    [{ endpoint, storage: "local" }],
    [{ endpoint, storage: { getItem() {} } }],
    [{ endpoint, storageKey: 1 }],
    [{ endpoint, identity: 7 }],
    [{ endpoint, refreshBefore: -1 }],
    [{ endpoint, refreshBefore: "60000" }],
    [{ endpoint, minValidity: Number.NaN }],
    [{ endpoint, requestTimeout: -0.5 }],
    [{ endpoint, refreshJitter: 1.1 }],
    [{ endpoint, refreshJitter: -0.1 }],
    [{ endpoint, retries: 1.5 }],
    [{ endpoint, retries: Infinity }],
    [{ endpoint, autoRefresh: "yes" }],
    [{ endpoint, crossTab: 1 }],
  ])("of the wrong kind are named, with what is expected: %j", (options) => {
    const name = Object.keys(options).at(-1)!;
    expect(build(options)).toThrow(TypeError);
    expect(build(options)).toThrow(new RegExp(`"${name}" must be `));
  });

  it("of every right kind are taken, undefined as absent", () => {
    for (const options of [
      { endpoint: new URL("https://example.com/token"), request: {}, fetch },
      { endpoint, request: () => ({}), storage: webStorage(), storageKey: "k", identity: "i" },
      { endpoint, refreshBefore: 0, minValidity: 0, refreshJitter: 0, requestTimeout: Infinity, retries: 0 },
      { fetchToken: async () => null, autoRefresh: false, crossTab: false, initialToken: undefined },
    ]) {
      expect(build(options)).not.toThrow();
    }
  });

  it("webStorage knows two areas", () => {
    expect(() => webStorage("cookie" as "local")).toThrow(TypeError);
  });
});
