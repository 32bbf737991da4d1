/** A React application with sessions, in Chromium: user actions and failures. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBrowser, serve, signToken } from "./site.mjs";

/** The application's server: sessions in a cookie, tokens for the signed-in user. */
export async function startServer(folder) {
  const users = new Map();
  const app = {
    /** Lifetime of new tokens, in seconds. */
    lifetime: 600,
    /** Status of the token endpoint's answers. */
    failing: undefined,
    /** The users of the token requests: null if signed out, undefined for a failed one. */
    asked: [],
  };
  const sid = (request) => /sid=(\d+)/.exec(request.headers.cookie ?? "")?.[1];
  const userOf = (request) => users.get(sid(request)) ?? null;
  const site = await serve(folder, {
    "/auth/me": (request) => ({ user: userOf(request) }),
    "/auth/sign-in"(request, response) {
      users.delete(sid(request));
      const id = String(users.size + 1 + Math.floor(Math.random() * 1e9));
      users.set(id, new URL(request.url, "http://site").searchParams.get("user"));
      response.setHeader("Set-Cookie", `sid=${id}; Path=/; HttpOnly; SameSite=Lax`);
      return {};
    },
    "/auth/sign-out"(request) {
      users.delete(sid(request));
      return {};
    },
    async "/auth/cubejs-token"(request) {
      const user = userOf(request);
      app.asked.push(app.failing ? undefined : user);
      if (app.failing) return app.failing;
      return user ? { token: await signToken(app.lifetime, { sub: user, n: Math.random() }) } : 401;
    },
  });
  return Object.assign(app, site);
}

const until = async (what, condition, ms = 20_000) => {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise((go) => setTimeout(go, 50));
  }
};

const check = (what, isTrue, ...seen) => {
  if (!isTrue) throw new Error(`${what}${seen.length ? `: ${JSON.stringify(seen)}` : ""}`);
};

/** The tokens that a browser stores. */
const stored = (page) =>
  page.evaluate("Object.values({ ...localStorage, ...sessionStorage }).filter((value) => /eyJ/.test(value))");

const rowsOf = (user) => `for ${user}: ${user} 2`;

/**
 * @param {object} project
 * @param {string} url of the page.
 * @param {Awaited<ReturnType<typeof startServer>>} app
 * @param {{ isDevelopment: boolean }} kind
 */
export async function useApp(project, url, app, { isDevelopment }) {
  const browser = await openBrowser();
  const contexts = [];
  const problems = [];

  /** A browser profile, signed in or not. */
  const profile = async (user) => {
    const context = await browser.newContext();
    contexts.push(context);
    if (user) await context.request.post(`${url}/auth/sign-in?user=${user}`);
    return context;
  };

  /** Opens a tab, and waits until it shows this. */
  const open = async (context, text, path = "/") => {
    const page = await context.newPage();
    page.on("pageerror", (error) => problems.push(String(error)));
    // The browser's own report of a failed request is expected here.
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !/^Failed to load resource/.test(message.text()))
        problems.push(message.text());
    });
    // Everything that the charts have ever shown.
    await page.addInitScript(() => {
      window.shown = [];
      new MutationObserver(() => {
        for (const { id, textContent } of document.querySelectorAll("#chart, #own-chart")) {
          const text = `${id} ${textContent}`;
          if (!window.shown.includes(text)) window.shown.push(text);
        }
      }).observe(document, { subtree: true, childList: true, characterData: true });
    });
    await page.goto(url + path);
    if (text) await charts(page, text);
    await page.evaluate("window.isSamePage = true");
    return page;
  };

  /** Waits until both charts show this. */
  const charts = async (page, text, ms) => {
    const read = () =>
      page.evaluate("[...document.querySelectorAll('#chart, #own-chart')].map((p) => p.textContent)");
    let last = [];
    try {
      await until(
        text,
        async () => {
          last = await read();
          return last.length === 2 && last.every((chart) => chart === text);
        },
        ms,
      );
    } catch ({ message }) {
      throw new Error(
        `${message}; the charts show ${JSON.stringify(last)}, ${await page.textContent("#token")}`,
      );
    }
  };
  /** Waits until Cube has answered `count` more queries of that page. */
  const queries = async (page, count) => {
    let answered = 0;
    const isAnswered = (request) => {
      if (/\/load\b/.test(request.url())) answered++;
    };
    page.on("requestfinished", isAnswered);
    await until("the charts keep querying", () => answered >= count);
    page.off("requestfinished", isAnswered);
  };
  const press = (page, name) => page.getByRole("button", { name }).click();
  const isSame = (page) => page.evaluate("window.isSamePage === true");
  /** Remembers the page's current manager and its events. */
  const mark = (page) =>
    page.evaluate(() => {
      Object.assign(window, { before: window.tokens, heard: [] });
      window.before.subscribe(({ type, from }) => window.heard.push(from ? `${type} ${from}` : type));
    });
  /** Checks that this manager is signed out: with an event, without a token. */
  const isSignedOut = async (page, from) => {
    const seen = await page.evaluate(async () => {
      const answer = await window.before.getToken().catch(({ code }) => code);
      return { answer, status: window.before.getSnapshot().status, heard: window.heard };
    });
    const { answer, status, heard } = seen;
    const isOver = answer === "ERR_DISPOSED" && status === "empty" && heard.includes(`cleared ${from}`);
    check("The previous manager is signed out", isOver, seen);
  };

  const scenarios = {
    async "signed out, signed in, another user, signed out"() {
      const page = await open(await profile(), "for nobody: ERR_UNAUTHENTICATED");
      check(
        "StrictMode mounts twice, in development",
        (await page.evaluate("window.mounts")) === (isDevelopment ? 2 : 1),
      );
      app.asked.length = 0;
      await press(page, "Ada");
      await charts(page, rowsOf("ada"));
      check("One token for the sign-in", app.asked.join() === "ada", app.asked);

      await mark(page);
      await press(page, "Bob");
      await charts(page, rowsOf("bob"));
      check("One token for the switch", app.asked.join() === "ada,bob", app.asked);
      await isSignedOut(page, "here");
      check("One token is stored", (await stored(page)).length === 1);
      const shown = await page.evaluate("window.shown");
      check("No row of Ada's under Bob's name", !shown.includes("own-chart for bob: ada 2"), shown);

      await mark(page);
      await press(page, "Sign out");
      await charts(page, "for nobody: ERR_UNAUTHENTICATED");
      check("Nothing is stored", (await stored(page)).length === 0);
      await isSignedOut(page, "here");
      const now = await page.evaluate("window.tokens.getToken().then(() => 'a token', ({ code }) => code)");
      check("The manager of no user returns no token", now === "ERR_UNAUTHENTICATED", now);
      check("The page was never reloaded", await isSame(page));
    },

    async "two tabs"() {
      const context = await profile("ada");
      app.asked.length = 0;
      const pages = await Promise.all([open(context, rowsOf("ada")), open(context, rowsOf("ada"))]);
      check("One request for both tabs", app.asked.join() === "ada", app.asked);
      for (const page of pages) await mark(page);
      await press(pages[0], "Sign out");
      for (const page of pages) await charts(page, "for nobody: ERR_UNAUTHENTICATED");
      for (const page of pages) {
        check("No tab keeps a token", (await stored(page)).length === 0);
        await isSignedOut(page, page === pages[0] ? "here" : "tab");
        check("No tab was reloaded", await isSame(page));
      }
    },

    async "an endpoint that is down while a token serves"() {
      const kinds = {
        503: [() => (app.failing = 503), () => (app.failing = undefined)],
        // The development server answers in its place.
        "connection refused": [app.close, app.open],
      };
      for (const [kind, [fail, recover]] of Object.entries(kinds)) {
        app.lifetime = 16;
        const page = await open(await profile("ada"), rowsOf("ada"));
        await mark(page);
        await fail();
        // Refreshed after half of its lifetime at the latest.
        await until("an attempt", () => page.evaluate("window.heard.includes('attemptfailed')"));
        await page.evaluate("window.shown.length = 0");
        await queries(page, 4);
        const during = await page.evaluate("window.shown");
        check(
          `No chart is disturbed (${kind})`,
          during.every((text) => /: (ada 2|loading)$/.test(text)),
          during,
        );
        app.lifetime = 600;
        await recover();
        await until(
          "a new token",
          () => page.evaluate("window.tokens.getSnapshot().expiresAt > Date.now() + 60000"),
          30_000,
        );
        await charts(page, rowsOf("ada"));
        check("The manager is the same", await page.evaluate("window.before === window.tokens"));
        check("The page was never reloaded", await isSame(page));
        await page.close();
      }
    },

    async "an endpoint that is down from the start"() {
      app.failing = 503;
      const page = await open(await profile("ada"), "for ada: ERR_HTTP_STATUS");
      app.failing = undefined;
      await charts(page, rowsOf("ada"), 60_000);
      check("The page was never reloaded", await isSame(page));
    },

    async "Fast Refresh"() {
      if (!isDevelopment) return;
      // An edit reruns effects, but only without StrictMode: React forgets it in its second render.
      for (const path of ["/", "/?loose"]) {
        const page = await open(await profile("ada"), rowsOf("ada"), path);
        await mark(page);
        app.asked.length = 0;
        for (const file of ["Dashboard.jsx", "App.jsx", "Dashboard.jsx"]) {
          const source = join(project.folder, "src", file);
          const text = readFileSync(source, "utf8");
          const [title, word, version] = /(version|dashboard) (\d+)/.exec(text);
          const next = `${word} ${Number(version) + 1}`;
          writeFileSync(source, text.replace(title, next));
          await page.getByText(next).waitFor({ timeout: 15_000 });
          await queries(page, 2);
          await charts(page, rowsOf("ada"));
          check(
            `An edit keeps the manager (${path} ${next})`,
            await page.evaluate("window.before === window.tokens"),
          );
        }
        check("No further token", app.asked.length === 0, app.asked);
        check("The page was never reloaded", await isSame(page));
        await page.close();
      }
    },
  };

  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      await scenario();
      if (problems.length) throw new Error(problems.join("\n"));
    } catch (error) {
      throw new Error(`${isDevelopment ? "vite dev" : "vite build"}, ${name}: ${error.stack}`);
    } finally {
      Object.assign(app, { lifetime: 600, failing: undefined });
      for (const context of contexts.splice(0)) await context.close();
    }
  }
}
