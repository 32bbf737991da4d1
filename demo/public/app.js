/* global Chart, cubeTokenManager */
import { mountDevtools } from "/vendor/devtools.js";

const { CubeTokenManager, cookieStorage, createCubeApi, indexedDBStorage, memoryStorage, webStorage } =
  cubeTokenManager;

const POLL = 3000;

const query = {
  measures: ["Orders.count", "Orders.revenue"],
  dimensions: ["Orders.company"],
  timeDimensions: [{ dimension: "Orders.createdAt", granularity: "month" }],
};

const $ = (selector) => document.querySelector(selector);
const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const money = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const whole = new Intl.NumberFormat("en");

const storages = {
  memory: memoryStorage,
  local: () => webStorage("local"),
  indexeddb: () => indexedDBStorage(),
  cookie: () => cookieStorage(),
};

/** What has happened to the tokens, newest last, and every query that was answered or failed: for the end-to-end test. */
const events = [];
const queries = [];

const TOLD = {
  work: "",
  fail: "A token fetched for each query: every query fails from now on.",
  hang: "A token fetched for each query: the chart loads for ever.",
};

let user = null;
let storage = sessionStorage.getItem("storage") ?? "local";
let tokens = null;
let cubeApi = null;

function onEvent(event) {
  events.push({ ...event, at: Date.now() });
  if (event.type === "cleared" && event.from !== "here") follow();
}

let unmount;
/** A manager for this user and this storage. */
function start() {
  tokens?.dispose();
  tokens =
    user &&
    new CubeTokenManager({
      endpoint: "/auth/cubejs-token",
      identity: user.id,
      storage: storages[storage](),
      requestTimeout: 4000,
    });
  tokens?.subscribe(onEvent);
  if (tokens) {
    unmount?.();
    $("#devtools").replaceChildren();
    unmount = mountDevtools(tokens, { container: $("#devtools") });
  }
  cubeApi = tokens && createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
  showSwitches();
  if (user) poll();
}

let timer;
async function poll() {
  clearTimeout(timer);
  const mine = { api: cubeApi, user };
  try {
    const rows = (await mine.api.load(query)).rawData();
    // An answer for the user before is not for the eyes of this one.
    if (mine.api !== cubeApi) return;
    queries.push({
      user: mine.user.id,
      ok: true,
      companies: [...new Set(rows.map((row) => row["Orders.company"]))],
    });
    showRows(rows);
  } catch (error) {
    if (mine.api !== cubeApi) return;
    queries.push({ user: mine.user.id, ok: false, message: String(error.message) });
  }
  $("#queries").textContent = whole.format(queries.length);
  $("#failed").textContent = whole.format(queries.filter(({ ok }) => !ok).length);
  timer = setTimeout(poll, POLL);
}

let leaving = false;
/** What the user of a page without token management would see now. */
const tell = (text) => {
  $("#elsewhere").textContent = text;
};

/** The token of the user before is gone before the session changes, and no answer to them is waited for. */
async function leave() {
  clearTimeout(timer);
  cubeApi = null;
  leaving = true;
  await tokens?.clear();
  leaving = false;
}

/** Another tab signs out, or in as somebody else: this one shows the same, once the session has changed too. */
async function follow() {
  clearTimeout(timer);
  cubeApi = null;
  showRows([]);
  await new Promise((go) => setTimeout(go, 1000));
  if (leaving || cubeApi) return;
  ({ user } = await (await fetch("/session")).json());
  showRows([]);
  start();
}

async function signIn(id) {
  await leave();
  showRows([]);
  const response = await fetch(`/session/${id}`, { method: "POST" });
  ({ user } = await response.json());
  tell("A token fetched once and kept: this chart would still show the user before.");
  start();
}

async function signOut() {
  await leave();
  await fetch("/session", { method: "DELETE" });
  user = null;
  showRows([]);
  start();
}

/* What is shown */

const chart = new Chart($("#chart"), {
  type: "bar",
  data: { labels: [], datasets: [{ data: [], borderRadius: 4, maxBarThickness: 28 }] },
  options: {
    maintainAspectRatio: false,
    animation: { duration: 350 },
    plugins: {
      legend: { display: false },
      tooltip: { callbacks: { label: ({ raw }) => money.format(raw) } },
    },
    scales: {
      x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 16 } },
      y: {
        beginAtZero: true,
        border: { display: false },
        ticks: { maxTicksLimit: 5, callback: (value) => money.format(value) },
      },
    },
  },
});

function paint() {
  Chart.defaults.color = tone("--soft");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  for (const axis of Object.values(chart.options.scales)) {
    axis.ticks.color = tone("--soft");
    axis.grid = { ...axis.grid, color: tone("--line") };
  }
  chart.data.datasets[0].backgroundColor = tone("--accent");
  chart.update("none");
}

const monthName = (value) =>
  new Date(`${value}Z`).toLocaleDateString("en", { month: "short", year: "2-digit", timeZone: "UTC" });
const sum = (rows, member) => rows.reduce((total, row) => total + Number(row[member]), 0);

let shown = "";
function showRows(rows) {
  const key = JSON.stringify([user, rows]);
  if (key === shown) return;
  shown = key;
  const months = rows.map((row) => monthName(row["Orders.createdAt.month"]));
  chart.data.labels = months;
  chart.data.datasets[0].data = rows.map((row) => Number(row["Orders.revenue"]));
  chart.update();
  $("#empty").hidden = rows.length > 0;
  $("#company").textContent = rows[0]?.["Orders.company"] ?? (user ? "loading" : "signed out");
  $("#revenue").textContent = rows.length ? money.format(sum(rows, "Orders.revenue")) : "–";
  $("#orders").textContent = rows.length ? whole.format(sum(rows, "Orders.count")) : "–";
  $("#numbers tbody").replaceChildren(
    ...rows.map((row, index) => {
      const line = document.createElement("tr");
      line.dataset.month = row["Orders.createdAt.month"].slice(0, 7);
      for (const text of [months[index], row["Orders.count"], Number(row["Orders.revenue"]).toFixed(2)]) {
        line.insertCell().textContent = text;
      }
      return line;
    }),
  );
}

let endpoint = "work";
function showSwitches() {
  const press = (selector, pressed) => {
    for (const button of document.querySelectorAll(selector))
      button.setAttribute("aria-pressed", String(pressed(button.dataset)));
  };
  press("[data-user]", (data) => data.user === user?.id);
  press("[data-mode]", (data) => data.mode === endpoint);
  press("[data-storage]", (data) => data.storage === storage);
  $("#expire").disabled = $("#sign-out").disabled = !user;
}

/* What can be pressed */

for (const button of document.querySelectorAll("[data-user]"))
  button.onclick = () => signIn(button.dataset.user);
$("#sign-out").onclick = signOut;
$("#expire").onclick = () => {
  tokens.invalidate();
  tell(
    "A token fetched once and kept: “403, Invalid token” in every chart, until somebody reloads the page.",
  );
};
for (const button of document.querySelectorAll("[data-mode]")) {
  button.onclick = async () => {
    ({ endpoint } = await (await fetch(`/endpoint/${button.dataset.mode}`, { method: "POST" })).json());
    tell(TOLD[endpoint]);
    showSwitches();
  };
}
for (const button of document.querySelectorAll("[data-storage]")) {
  button.onclick = async () => {
    await leave();
    storage = button.dataset.storage;
    sessionStorage.setItem("storage", storage);
    start();
  };
}

/** The same page once more: another tab in all but the window. */
$("#second").onclick = () => {
  const view = $("#second-view");
  const open = view.childElementCount === 0;
  $("#second").setAttribute("aria-expanded", String(open));
  view.hidden = !open;
  if (!open) return view.replaceChildren();
  const frame = document.createElement("iframe");
  frame.title = "A second tab’s view";
  frame.src = location.href;
  view.append(frame);
};
if (parent !== window) $("#second").hidden = true;

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

window.demo = { events, queries, tokens: () => tokens };
paint();

const session = await (await fetch("/session")).json();
({ user, endpoint } = session);
$("#ttl").textContent = session.tokenTtl;
start();
