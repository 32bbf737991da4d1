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

/** The three ways to give a chart its tokens: where the token is, and who can read it. */
const WAYS = {
  page: "The token is in this page: every script here can read it.",
  frame: `The chart is a page of ${otherOrigin}, which gets its token from this one: scripts of both can read it.`,
  isolated:
    "The token is in a worker, which queries Cube: no script here can read it. Scripts can still query through the worker, or ask the endpoint for a token themselves.",
};

/** What users of other SDKs would have seen, as measured. */
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

/** What has happened to the tokens, newest last, and every query that was answered or failed: for the end-to-end test. */
const events = [];
const queries = [];

let user = null;
let endpoint = "work";
let storage;
let way;

const view = createView($("#view"));

let tokens = null;
let stopQueries = () => {};
/** Ends what else the last start has begun. */
const stops = [];
let unmount = () => {};
/** Whether there is a user for whom something runs. */
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

/** The same function each time, and so the same worker. Chrome on Android has no shared ones. */
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
    frame.title = "The chart, embedded";
    frame.sandbox = "allow-scripts allow-same-origin";
    frame.src = `${otherOrigin}/frame.html`;
    $("#frame").replaceChildren(frame);
  },
  isolated() {
    tokens = isolatedTokens(worker);
    query(createIsolatedCubeApi(worker));
  },
};

/** For this user, this storage and this way. */
function start() {
  for (const stop of stops.splice(0)) stop();
  running = leaving = false;
  tokens = null;
  // The second tab's view has the same sessionStorage, and follows.
  storage = sessionStorage.getItem("storage") ?? "local";
  way = sessionStorage.getItem("way") ?? "page";
  if (way === "frame" && !otherOrigin) way = "page";
  view.rows([], user ? "loading" : "signed out");
  if (user) {
    running = true;
    ways[way]();
    stops.push(tokens.subscribe(onEvent));
    // After a sign-out the last one stays, to be read.
    unmount();
    $("#devtools").replaceChildren();
    unmount = mountDevtools(tokens, { container: $("#devtools") });
  }
  // So does the frame, to show that it has heard of it.
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

/** Another tab has signed out, or in as somebody else: this one shows the same, once the session has changed too. */
async function follow() {
  if (leaving) return;
  pause();
  view.rows([], "loading");
  await new Promise((go) => setTimeout(go, 1000));
  if (leaving || running) return;
  ({ user } = await (await fetch("/session")).json());
  start();
}

/** No answer to this user is waited for, and no token is left; `session`: on the server neither, and there first. */
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

/* What can be pressed */

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
  // Cube refuses the token of whoever queries.
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

/** The same page once more: another tab in all but the window. */
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
