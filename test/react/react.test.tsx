import { CubeProvider, useCubeQuery } from "@cubejs-client/react";
import { act, cleanup, configure, render, screen, waitFor } from "@testing-library/react";
import { StrictMode, useMemo, version } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { CubeTokenError, type CubeTokenManager } from "../../src/index.js";
import { useCubeToken } from "../../src/react/index.js";
import { type Cube, sign, signer, startCube, until, WRONG } from "../support/cube.js";

// A real Cube server answers, possibly on a busy machine.
configure({ asyncUtilTimeout: 15_000 });

declare module "vitest" {
  interface ProvidedContext {
    /** The major version of React under test. */
    react: string;
  }
}

const query = { measures: ["Things.count"] };
/** A POST, as happy-dom's fetch caches GET requests, whatever the token. */
const method = "POST";
let server: Cube;

beforeAll(async () => {
  server = await startCube();
});
afterEach(cleanup);

it("runs with the React version of this project", () => {
  expect(version.split(".")[0]).toBe(inject("react"));
});

/** A manager with numbered tokens of this user. */
function userTokens(sub = "ada") {
  let n = 0;
  return signer(() => sign({ sub, n: n++ }));
}

const status = () => screen.getByTestId("status").textContent;

function Status({ tokens }: { tokens: CubeTokenManager }) {
  const { status, claims } = useCubeToken(tokens);
  return <p data-testid="status">{`${status} ${claims?.sub ?? "nobody"} ${claims?.n ?? "-"}`}</p>;
}

describe("useCubeToken", () => {
  it("follows the manager's state", async () => {
    const { tokens } = userTokens();
    render(
      <StrictMode>
        <Status tokens={tokens} />
      </StrictMode>,
    );
    expect(status()).toBe("empty nobody -");
    await act(() => tokens.getToken());
    expect(status()).toBe("fresh ada 0");
    await act(async () => tokens.invalidate());
    expect(status()).toBe("expired ada 0");
    await act(() => tokens.getToken());
    expect(status()).toBe("fresh ada 1");
    await act(() => tokens.clear());
    expect(status()).toBe("empty nobody -");
  });

  it("re-renders only when the state changes", async () => {
    const { tokens } = userTokens();
    const rendered = vi.fn();
    function Counter() {
      rendered(useCubeToken(tokens));
      return null;
    }
    render(<Counter />);
    await act(() => tokens.getToken());
    const before = rendered.mock.calls.length;
    await act(async () => {
      for (let n = 0; n < 100; n++) await tokens.getToken();
    });
    expect(rendered).toHaveBeenCalledTimes(before);
  });

  it("follows another manager, and stops listening after unmounting", async () => {
    const [ada, grace] = [userTokens("ada"), userTokens("grace")];
    await Promise.all([ada.tokens.getToken(), grace.tokens.getToken()]);
    const page = render(<Status tokens={ada.tokens} />);
    expect(status()).toBe("fresh ada 0");
    page.rerender(<Status tokens={grace.tokens} />);
    expect(status()).toBe("fresh grace 0");
    const listened = vi.spyOn(grace.tokens, "getSnapshot");
    page.unmount();
    await grace.tokens.getToken({ forceRefresh: true });
    expect(listened).not.toHaveBeenCalled();
  });

  it("renders on a server, and hydrates without a mismatch", async () => {
    const { tokens } = userTokens();
    await tokens.getToken();
    const html = renderToString(<Status tokens={tokens} />);
    expect(html).toContain("empty nobody -");
    const root = document.createElement("div");
    document.body.append(root);
    root.innerHTML = html;
    const complained = vi.spyOn(console, "error").mockImplementation(() => {});
    const hydrated = await act(async () => hydrateRoot(root, <Status tokens={tokens} />));
    expect(root.textContent).toBe("fresh ada 0");
    expect(complained).not.toHaveBeenCalled();
    await act(async () => hydrated.unmount());
    root.remove();
  });
});

describe("with CubeProvider and useCubeQuery", () => {
  const chartRendered = vi.fn();
  /** A component without the hook. */
  function Chart() {
    const { resultSet, error } = useCubeQuery(query);
    chartRendered();
    const rows = resultSet?.rawData() as Record<string, unknown>[] | undefined;
    return (
      <p data-testid="chart">{error ? String(error) : (rows?.[0]?.["Things.count"]?.toString() ?? "…")}</p>
    );
  }
  /** One CubeApi per manager, and one manager per signed-in user, as in the README. */
  function App({ tokens }: { tokens: CubeTokenManager }) {
    const cubeApi = useMemo(() => createCubeApi(tokens, { apiUrl: server.apiUrl, method }), [tokens]);
    return (
      <CubeProvider cubeApi={cubeApi}>
        <Chart />
        <Status tokens={tokens} />
      </CubeProvider>
    );
  }
  const loaded = async (tokens: CubeTokenManager) => {
    chartRendered.mockClear();
    server.contexts.length = 0;
    const page = render(<App tokens={tokens} />);
    await waitFor(() => expect(screen.getByTestId("chart").textContent).toBe("2"));
    return page;
  };

  it("a token refresh reloads no query, and renders no component that does not use the hook", async () => {
    const { tokens } = userTokens();
    const fetches = vi.spyOn(globalThis, "fetch");
    await loaded(tokens);
    const before = { renders: chartRendered.mock.calls.length, fetches: fetches.mock.calls.length };
    for (let n = 1; n <= 5; n++) {
      await act(() => tokens.getToken({ forceRefresh: true }));
      await waitFor(() => expect(status()).toBe(`fresh ada ${n}`));
    }
    // Long enough for a reload.
    await act(() => new Promise((resolve) => setTimeout(resolve, 300)));
    expect(chartRendered).toHaveBeenCalledTimes(before.renders);
    expect(fetches).toHaveBeenCalledTimes(before.fetches);
  });

  it("a sign-in as another user reloads the query with that user's token", async () => {
    const [ada, grace] = [userTokens("ada"), userTokens("grace")];
    const page = await loaded(ada.tokens);
    await until(() => server.contexts.some(({ sub }) => sub === "ada"));
    server.contexts.length = 0;
    await act(() => ada.tokens.clear());
    ada.tokens.dispose();
    page.rerender(<App tokens={grace.tokens} />);
    await until(() => server.contexts.length);
    await waitFor(() => expect(status()).toBe("fresh grace 0"));
    expect(new Set(server.contexts.map(({ sub }) => sub))).toEqual(new Set(["grace"]));
    expect(screen.getByTestId("chart").textContent).toBe("2");
  });

  it.each([
    ["signed out", () => Promise.reject(new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in."))],
    ["with a token that Cube refuses", () => sign({ sub: "ada" }, { secret: WRONG })],
  ])("a page that starts %s loads after the sign-in, with another manager", async (_, make) => {
    const before = signer(make).tokens;
    const page = render(<App tokens={before} />);
    await waitFor(() => expect(screen.getByTestId("chart").textContent).toMatch(/Error|Sign in/));
    const { tokens } = userTokens("grace");
    page.rerender(<App tokens={tokens} />);
    before.dispose();
    await waitFor(() => expect(screen.getByTestId("chart").textContent).toBe("2"));
    expect(status()).toBe("fresh grace 0");
  });

  it("a page that starts signed out loads after the sign-in, with another client of the same manager", async () => {
    let isSignedIn = false;
    const { tokens } = signer(() =>
      isSignedIn
        ? sign({ sub: "grace" })
        : Promise.reject(new CubeTokenError("ERR_UNAUTHENTICATED", "Sign in.")),
    );
    const tree = () => (
      <CubeProvider cubeApi={createCubeApi(tokens, { apiUrl: server.apiUrl, method })}>
        <Chart />
      </CubeProvider>
    );
    const page = render(tree());
    await waitFor(() => expect(screen.getByTestId("chart").textContent).toMatch(/Error|Sign in/));
    isSignedIn = true;
    await act(() => tokens.getToken({ forceRefresh: true }));
    page.rerender(tree());
    await waitFor(() => expect(screen.getByTestId("chart").textContent).toBe("2"));
  });

  it("a new CubeApi for each token, a common approach, reloads every query (cube-js/cube#9526)", async () => {
    const { tokens } = userTokens();
    function ByHand({ token }: { token: string }) {
      const cubeApi = useMemo(
        () => createCubeApi(tokens, { apiUrl: server.apiUrl, method, headers: { token } }),
        [token],
      );
      return (
        <CubeProvider cubeApi={cubeApi}>
          <Chart />
        </CubeProvider>
      );
    }
    server.contexts.length = 0;
    const fetches = vi.spyOn(globalThis, "fetch");
    const page = render(<ByHand token="first" />);
    await waitFor(() => expect(screen.getByTestId("chart").textContent).toBe("2"));
    const before = fetches.mock.calls.length;
    page.rerender(<ByHand token="second" />);
    await waitFor(() => expect(fetches.mock.calls.length).toBeGreaterThan(before));
    await act(() => new Promise((resolve) => setTimeout(resolve, 300)));
  });
});
