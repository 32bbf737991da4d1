/* global cubeTokenManager */
import { mountDevtools } from "/vendor/devtools.js";
import { serveFrames } from "/vendor/frames.js";
import { createIsolatedCubeApi, isolatedTokens } from "/vendor/isolated.js";
import { otherOrigin } from "./origins.js";
import { companiesOf, createView, poll } from "./view.js";

const { CubeTokenManager, cookieStorage, createCubeApi, indexedDBStorage, memoryStorage, webStorage } =
  cubeTokenManager;

const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => document.querySelectorAll(selector);

const storages = {
  memory: memoryStorage,
  local: () => webStorage("local"),
  indexeddb: () => indexedDBStorage(),
  cookie: () => cookieStorage(),
};

/** The three ways to give a chart its tokens: where the token is, and which scripts can read it. */
const WAYS = {
  page: "The token is in this page: every script here can read it.",
  frame: `The chart is a page on ${otherOrigin} that gets its token from this one: scripts on both can read it.`,
  isolated:
    "The token is in a worker, which queries Cube: no script here can read it. Scripts can still query through the worker, or request a token from the endpoint themselves.",
};

/** What users of other SDKs would have seen, according to our measurements. */
const ELSEWHERE = {
  signIn:
    "Elsewhere: if the previous user’s token arrives after the switch, all seven SDKs we tried hand it out, and five store it again.",
  work: "",
  fail: "Elsewhere: Auth0’s and Okta’s SDKs delete the token although it is still valid, and the chart fails at once.",
  hang: "Elsewhere: Auth0’s and Firebase’s SDKs give up after 30 s; eight others were still waiting after 45 s.",
  expire:
    "Elsewhere: given a fixed token, Cube’s client reports “Invalid token” until a reload; Okta, Supabase, Firebase and Amplify fetch a new one in every open tab.",
};
const tell = (key) => {
  $("#elsewhere").textContent = ELSEWHERE[key];
};

/** For the end-to-end test: all token events, and all queries that succeeded or failed. The newest come last. */
const events = [];
const queries = [];

let user = null;
let endpoint = "work";
let storage;
let way;

const view = createView($("#view"));

let tokens = null;
let stopQueries = () => {};
/** Functions that stop what else the last start began. */
const stops = [];
let unmount = () => {};
/** Whether the chart is running for a user. */
let running = false;
let leaving = false;

function note(query) {
  queries.push({ user: user.id, ...query });
  view.queries(queries);
}

function query(cubeApi) {
  stopQueries = poll(cubeApi, {
    onRows(rows) {
      note({ ok: true, companies: companiesOf(rows) });
      view.rows(rows, "loading");
    },
    onError: (error) => note({ ok: false, message: String(error.message) }),
  });
}

function createManager() {
  tokens = new CubeTokenManager({
    endpoint: "/auth/cubejs-token",
    identity: user.id,
    storage: storages[storage](),
    requestTimeout: 4000,
  });
  stops.push(tokens.dispose);
}

/** Always the same function, so that all use the same worker. Chrome on Android has no shared workers. */
const worker = () => new (globalThis.SharedWorker ?? Worker)("/cube-worker.js", { type: "module" });

const ways = {
  page() {
    createManager();
    query(createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" }));
  },
  frame() {
    createManager();
    stops.push(serveFrames(tokens, { origins: [otherOrigin] }));
    const frame = document.createElement("iframe");
    frame.title = "Embedded chart";
    frame.sandbox = "allow-scripts allow-same-origin";
    frame.src = `${otherOrigin}/frame.html`;
    $("#frame").replaceChildren(frame);
  },
  isolated() {
    tokens = isolatedTokens(worker);
    query(createIsolatedCubeApi(worker));
  },
};

/** Starts the chart for the current user, storage and way. */
function start() {
  for (const stop of stops.splice(0)) stop();
  running = leaving = false;
  tokens = null;
  // The second tab's view has the same sessionStorage, so it uses the same settings.
  storage = sessionStorage.getItem("storage") ?? "local";
  way = sessionStorage.getItem("way") ?? "page";
  if (way === "frame" && !otherOrigin) way = "page";
  view.rows([], user ? "loading" : "signed out");
  if (user) {
    running = true;
    ways[way]();
    stops.push(tokens.subscribe(onEvent));
    // After a sign-out the last panel stays, so that its log can be read.
    unmount();
    $("#devtools").replaceChildren();
    unmount = mountDevtools(tokens, { container: $("#devtools") });
  }
  // The frame stays as well, to show that it was signed out, too.
  const framed = way === "frame" && $("#frame").childElementCount > 0;
  if (!framed) $("#frame").replaceChildren();
  $("#frame").hidden = !framed;
  $("#view").hidden = framed;
  showSwitches();
}

function pause() {
  stopQueries();
  running = false;
}

function onEvent(event) {
  events.push({ ...event, at: Date.now() });
  const isOver = event.type === "refreshfailed" && event.error.code === "ERR_UNAUTHENTICATED";
  const isAnother = event.type === "refreshed" && tokens.getSnapshot().claims?.sub !== user.id;
  if (event.type === "cleared" || isOver || isAnother) follow();
}

/** Follows another tab that signed out or switched users, once the session has changed too. */
async function follow() {
  if (leaving) return;
  pause();
  view.rows([], "loading");
  await new Promise((go) => setTimeout(go, 1000));
  if (leaving || running) return;
  ({ user } = await (await fetch("/session")).json());
  start();
}

/** Stops the queries and deletes the token. @param {boolean} [session] also ends the session on the server, before that. */
async function leave(session) {
  leaving = true;
  pause();
  if (session) await fetch("/session", { method: "DELETE" });
  await tokens?.clear();
}

async function signIn(id) {
  await leave(true);
  view.rows([], "loading");
  const response = await fetch(`/session/${id}`, { method: "POST" });
  ({ user } = await response.json());
  tell("signIn");
  start();
}

async function signOut() {
  await leave(true);
  user = null;
  start();
}

/* The buttons */

function showSwitches() {
  const press = (name, value) => {
    for (const button of $$(`[data-${name}]`))
      button.setAttribute("aria-pressed", String(button.dataset[name] === value));
  };
  const isolated = way === "isolated";
  press("user", user?.id);
  press("mode", endpoint);
  press("way", way);
  press("storage", isolated ? "memory" : storage);
  $("#storage").disabled = isolated;
  $("#way").textContent = WAYS[way];
  $("#expire").disabled = $("#sign-out").disabled = !user;
}

for (const button of $$("[data-user]")) button.onclick = () => signIn(button.dataset.user);
$("#sign-out").onclick = signOut;

$("#expire").onclick = () => {
  // Cube's rejection concerns the manager that queries: in this page, or in the frame.
  if (way === "frame") $("#frame iframe").contentWindow.postMessage("expire", otherOrigin);
  else tokens.invalidate();
  tell("expire");
};

for (const button of $$("[data-mode]")) {
  button.onclick = async () => {
    ({ endpoint } = await (await fetch(`/endpoint/${button.dataset.mode}`, { method: "POST" })).json());
    tell(endpoint);
    showSwitches();
  };
}

for (const button of $$("[data-storage]")) {
  button.onclick = async () => {
    await leave();
    sessionStorage.setItem("storage", button.dataset.storage);
    start();
  };
}

for (const button of $$("[data-way]")) {
  button.onclick = async () => {
    await leave();
    sessionStorage.setItem("way", button.dataset.way);
    $("#frame").replaceChildren();
    start();
  };
}
if (!otherOrigin) {
  $("[data-way=frame]").disabled = true;
  $("[data-way=frame]").title = "Open the demo at localhost: the frame comes from 127.0.0.1.";
}

/** Opens the same page in a frame: another tab, except for the window. */
$("#second").onclick = () => {
  const place = $("#second-view");
  const open = place.childElementCount === 0;
  $("#second").setAttribute("aria-expanded", String(open));
  place.hidden = !open;
  document.body.classList.toggle("two", open);
  if (!open) return place.replaceChildren();
  const frame = document.createElement("iframe");
  frame.title = "A second tab’s view";
  frame.src = location.href;
  place.append(frame);
};
if (parent !== window) $("#others").hidden = true;

window.demo = { events, queries, tokens: () => tokens };

const session = await (await fetch("/session")).json();
({ user, endpoint } = session);
$("#ttl").textContent = session.tokenTtl;
start();
