import { act, cleanup, render } from "@testing-library/react";
import * as React from "react";
import { type ReactNode, StrictMode, useEffect } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CubeTokenManager, type CubeTokenManagerOptions, customStorage } from "../../src/index.js";
import { useCubeToken, useCubeTokenManager } from "../../src/react/index.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(cleanup);

/** Not in React 18. */
const Activity = (React as { Activity?: React.ComponentType<{ mode: string; children: ReactNode }> })
  .Activity!;

const pause = (duration = 0) => act(() => vi.advanceTimersByTimeAsync(duration));

/** A server that records whose tokens it issued. */
function world() {
  const users: (string | undefined)[] = [];
  const values = new Map<string, string>();
  const storage = customStorage({
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  });
  const options = (user?: string, more: object = {}): CubeTokenManagerOptions => ({
    fetchToken: async () => {
      users.push(user);
      return { token: `token-of-${user}-${users.length}`, expires_in: 300 };
    },
    storage,
    storageKey: "k",
    identity: user,
    ...more,
  });
  return { users, values, options };
}

/** Every manager that the component received, in order. */
function watch() {
  const managers: CubeTokenManager[] = [];
  function App({ options }: { options: CubeTokenManagerOptions }) {
    const tokens = useCubeTokenManager(options);
    const { status } = useCubeToken(tokens);
    useEffect(() => {
      if (!managers.includes(tokens)) managers.push(tokens);
      tokens.getToken().catch(() => {});
    }, [tokens]);
    return <p>{status}</p>;
  }
  return { managers, App };
}

const isDisposed = (tokens: CubeTokenManager) =>
  tokens.getToken().then(
    () => false,
    ({ code }) => code === "ERR_DISPOSED",
  );

describe("useCubeTokenManager", () => {
  it("returns one manager under StrictMode, disposed of with its component", async () => {
    const { users, options } = world();
    const { managers, App } = watch();
    const view = render(
      <StrictMode>
        <App options={options("ada")} />
      </StrictMode>,
    );
    await pause();
    expect(view.container.textContent).toBe("fresh");
    expect([managers.length, users.length]).toEqual([1, 1]);
    expect(await isDisposed(managers[0]!)).toBe(false);
    view.unmount();
    await pause();
    expect(await isDisposed(managers[0]!)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps its manager if only functions and objects are new, and calls the latest ones", async () => {
    const { options } = world();
    const { managers, App } = watch();
    const view = render(<App options={options("ada")} />);
    await pause();
    const latest = vi.fn(async () => "latest");
    view.rerender(<App options={options("ada", { fetchToken: latest })} />);
    await pause();
    expect(managers.length).toBe(1);
    expect(await managers[0]!.getToken({ forceRefresh: true })).toBe("latest");
    expect(latest).toHaveBeenCalledOnce();
  });

  it("sends the latest headers, even if request is an object", async () => {
    const sent: (string | null)[] = [];
    const fetch = async (_: unknown, init?: RequestInit) => {
      sent.push(new Headers(init?.headers).get("x-session"));
      return Response.json({ token: `t${sent.length}` });
    };
    const { managers, App } = watch();
    const tree = (session: string) => (
      <App options={{ endpoint: "/a", fetch, request: { headers: { "x-session": session } } }} />
    );
    const view = render(tree("old"));
    await pause();
    view.rerender(tree("new"));
    await pause();
    await managers[0]!.getToken({ forceRefresh: true });
    expect(sent).toEqual(["old", "new"]);
    expect(managers.length).toBe(1);
  });

  it.each<[string, unknown, unknown, (string | null)[]]>([
    ["is added", undefined, { headers: { "x-session": "new" } }, [null, "new"]],
    ["is added as a function", undefined, () => ({ headers: { "x-session": "new" } }), [null, "new"]],
    ["is removed", { headers: { "x-session": "old" } }, undefined, ["old", null]],
  ])("uses the latest request, even one that %s", async (_, before, after, expected) => {
    const sent: (string | null)[] = [];
    const fetch = async (_: unknown, init?: RequestInit) => {
      sent.push(new Headers(init?.headers).get("x-session"));
      return Response.json({ token: `t${sent.length}` });
    };
    const { managers, App } = watch();
    const tree = (request: unknown) => (
      <App options={{ endpoint: "/a", fetch, request } as CubeTokenManagerOptions} />
    );
    const view = render(tree(before));
    await pause();
    view.rerender(tree(after));
    await pause();
    await managers[0]!.getToken({ forceRefresh: true });
    expect(sent).toEqual(expected);
    expect(managers.length).toBe(1);
  });

  it.each([true, false])(
    "signs out the previous user and creates a manager for the next, StrictMode: %s",
    async (isStrict) => {
      const { values, options } = world();
      const { managers, App } = watch();
      const tree = (user: string) => {
        const app = <App options={options(user)} />;
        return isStrict ? <StrictMode>{app}</StrictMode> : app;
      };
      const view = render(tree("ada"));
      await pause();
      const late = managers[0]!.getToken({ forceRefresh: true }).catch(({ code }) => code);
      view.rerender(tree("bob"));
      await pause(1000);
      expect(managers.length).toBe(2);
      expect(await late).toBe("ERR_CLEARED");
      expect(await isDisposed(managers[0]!)).toBe(true);
      expect(await managers[1]!.getToken()).toContain("of-bob");
      expect([...values.values()].join()).not.toContain("of-ada");
    },
  );

  it("does not sign out while a profile loads: from no identity to one, it keeps the stored token", async () => {
    const { options } = world();
    const { managers, App } = watch();
    const cleared: string[] = [];
    const view = render(<App options={options(undefined, { storageKey: "none" })} />);
    await pause();
    managers[0]!.subscribe(({ type }) => cleared.push(type));
    view.rerender(<App options={options("ada", { storageKey: "none" })} />);
    await pause(1000);
    expect(managers.length).toBe(2);
    expect(await isDisposed(managers[0]!)).toBe(true);
    expect(cleared).not.toContain("cleared");
  });

  it.skipIf(!Activity)(
    "returns a working manager after being hidden and shown again, to its children too",
    async () => {
      const { users, options } = world();
      const codes: string[] = [];
      function App({ options }: { options: CubeTokenManagerOptions }) {
        const tokens = useCubeTokenManager(options);
        useEffect(() => void tokens.getToken().catch(({ code }) => codes.push(code)), [tokens]);
        return <p>{useCubeToken(tokens).status}</p>;
      }
      const tree = (mode: string) => (
        <Activity mode={mode}>
          <App options={options("ada", { storage: undefined })} />
        </Activity>
      );
      const view = render(tree("visible"));
      for (const mode of ["hidden", "visible"]) {
        await pause(1000);
        view.rerender(tree(mode));
      }
      await pause();
      expect(view.container.textContent).toBe("fresh");
      expect([users.length, codes]).toEqual([2, []]);
    },
  );

  it.skipIf(!Activity)("signs out a user who leaves while the component is hidden", async () => {
    const { values, options } = world();
    const { App } = watch();
    const tree = (mode: string, user: string) => (
      <Activity mode={mode}>
        <App options={options(user, { storageKey: user })} />
      </Activity>
    );
    const view = render(tree("visible", "ada"));
    for (const [mode, user] of [
      ["hidden", "ada"],
      ["hidden", "bob"],
      ["visible", "bob"],
    ] as const) {
      await pause(1000);
      expect([...values.keys()]).toEqual(["ada"]);
      view.rerender(tree(mode, user));
    }
    await pause(1000);
    expect([...values.keys()]).toEqual(["bob"]);
  });

  it("receives a sign-out from fetchToken, as with parentTokens()", async () => {
    const { options } = world();
    const { managers, App } = watch();
    const { fetchToken } = options("ada");
    let signOut = () => {};
    const onSignOut = (listener: () => void) => {
      signOut = listener;
      return () => {};
    };
    render(<App options={options("ada", { fetchToken: Object.assign(fetchToken!, { onSignOut }) })} />);
    await pause();
    signOut();
    await pause();
    expect(managers[0]!.getSnapshot().status).toBe("empty");
  });

  it("creates another one for another endpoint", async () => {
    const fetch = vi.fn(async (url: unknown) =>
      Response.json({ token: `of${String(url).replaceAll("/", "-")}` }),
    );
    const { managers, App } = watch();
    const view = render(<App options={{ endpoint: "/a", fetch }} />);
    await pause();
    view.rerender(<App options={{ endpoint: "/b", fetch }} />);
    await pause();
    expect(await managers[1]!.getToken()).toBe("of-b");
    expect(managers.length).toBe(2);
  });

  it("renders on a server without a request or a timer", () => {
    const { users, options } = world();
    const { App } = watch();
    expect(renderToString(<App options={options("ada")} />)).toBe("<p>empty</p>");
    expect([users.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("throws the constructor's error for a wrong option", () => {
    const { App } = watch();
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect(() => render(<App options={{ endpoint: "/a", refreshBefore: -1 }} />)).toThrow(TypeError);
    expect(() => render(<App options={undefined as never} />)).toThrow(/exactly one/);
  });
});
