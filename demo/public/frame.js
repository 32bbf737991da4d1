/* global cubeTokenManager */
import { parentTokens } from "/vendor/frames.js";
import { otherOrigin } from "./origins.js";
import { companiesOf, createView, poll } from "./view.js";

/* The embedded page. It has no session: its tokens come from the page that embeds it, which has another origin. */

const { CubeTokenManager, createCubeApi } = cubeTokenManager;

const queries = [];
const view = createView(document.querySelector("#view"), "h1");
view.rows([], "loading");

const tokens = new CubeTokenManager({ fetchToken: parentTokens({ origin: otherOrigin }) });
const note = (query) => {
  queries.push(query);
  view.queries(queries);
};
const stop = poll(createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" }), {
  onRows(rows) {
    note({ ok: true, companies: companiesOf(rows) });
    view.rows(rows, "loading");
  },
  onError: (error) => note({ ok: false, message: String(error.message) }),
});

tokens.subscribe(({ type }) => {
  if (type !== "cleared") return;
  // The embedding page has signed out. It opens another frame for the next user.
  stop();
  view.rows([], "signed out");
});

// "Expire it now" in the embedding page.
addEventListener("message", ({ source, origin, data }) => {
  if (source === parent && origin === otherOrigin && data === "expire") tokens.invalidate();
});

window.demo = { queries };
