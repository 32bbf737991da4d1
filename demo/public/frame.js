/* global cubeTokenManager */
import { parentTokens } from "/vendor/frames.js";
import { otherOrigin } from "./origins.js";
import { companiesOf, createView, poll } from "./view.js";

/* The embedded page. It has no session here: its tokens come from the page around it, which is of another origin. */

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
  // The page around has signed out. It opens another frame for whoever signs in next.
  stop();
  view.rows([], "signed out");
});

// "Expire it now" of the page around.
addEventListener("message", ({ source, origin, data }) => {
  if (source === parent && origin === otherOrigin && data === "expire") tokens.invalidate();
});

window.demo = { queries };
