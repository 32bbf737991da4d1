/* global Chart, cubeTokenManager */
const { CubeTokenManager, cookieStorage, createCubeApi, indexedDBStorage, memoryStorage, webStorage } =
  cubeTokenManager;

const POLL = 3000;
const WINDOW = 90_000;
const LANES = ["Cube query", "Token request", "Refreshed", "Taken over", "Failure", "Wake-up", "By hand"];
const TONES = {
  "Cube query": "--soft",
  "Token request": "--accent",
  Refreshed: "--good",
  "Taken over": "--teal",
  Failure: "--bad",
  "Wake-up": "--violet",
  "By hand": "--warn",
};

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

/** What has happened, newest last: for the timeline, the log and the end-to-end test. */
const events = [];
/** Every query that was answered or failed. */
const queries = [];

let user = null;
let storage = sessionStorage.getItem("storage") ?? "local";
let tokens = null;
let cubeApi = null;

function note(lane, text, until = Date.now(), at = Date.now()) {
  events.push({ at, until, lane, text });
  if (events.length > 2000) events.splice(0, 1000);
  if (lane === "Cube query") return;
  const entry = document.createElement("li");
  const time = document.createElement("time");
  const dot = document.createElement("i");
  const words = document.createElement("span");
  time.textContent = new Date(at).toLocaleTimeString("en-GB");
  dot.style.setProperty("--tone", `var(${TONES[lane]})`);
  words.textContent = text;
  entry.append(time, dot, words);
  $("#log").prepend(entry);
  while ($("#log").children.length > 60) $("#log").lastChild.remove();
}

/** fetch, seen: every request for a token appears on the timeline. */
async function watchedFetch(...args) {
  const at = Date.now();
  try {
    const response = await fetch(...args);
    note("Token request", `Token request: ${response.status} after ${Date.now() - at} ms`, Date.now(), at);
    return response;
  } catch (error) {
    note("Token request", `Token request: no answer after ${Date.now() - at} ms`, Date.now(), at);
    throw error;
  }
}

function watchTokens(event) {
  if (event.type === "refreshed" && event.from === "source")
    note("Refreshed", "A new token: this tab asked the endpoint for it");
  if (event.type === "refreshed" && event.from === "storage")
    note("Taken over", "A token taken over without a request: another tab, or this one before, has got it");
  if (event.type === "refreshfailed") note("Failure", `${event.error.code}: ${event.error.message}`);
  if (event.type === "invalidated") note("By hand", "The token was expired: the next query gets another");
  if (event.type === "cleared") {
    note(
      "By hand",
      leaving ? "Signed out: the token is forgotten" : "Signed out, or another user, in another tab",
    );
    if (!leaving) follow();
  }
  if (event.type === "storagefailed") note("Failure", `Storage failed (${event.reason}): going on in memory`);
}

/** A manager for this user and this storage. */
function start() {
  tokens?.dispose();
  tokens =
    user &&
    new CubeTokenManager({
      endpoint: "/auth/cubejs-token",
      identity: user.id,
      storage: storages[storage](),
      fetch: watchedFetch,
      requestTimeout: 4000,
    });
  tokens?.subscribe(watchTokens);
  cubeApi = tokens && createCubeApi(tokens, { apiUrl: "/cubejs-api/v1" });
  showSwitches();
  if (user) poll();
}

let timer;
async function poll() {
  clearTimeout(timer);
  const mine = { api: cubeApi, user };
  const at = Date.now();
  try {
    const rows = (await mine.api.load(query)).rawData();
    // An answer for the user before is not for the eyes of this one.
    if (mine.api !== cubeApi) return;
    queries.push({
      user: mine.user.id,
      ok: true,
      companies: [...new Set(rows.map((row) => row["Orders.company"]))],
    });
    note("Cube query", "", Date.now(), at);
    showRows(rows);
  } catch (error) {
    if (mine.api !== cubeApi) return;
    queries.push({ user: mine.user.id, ok: false, message: String(error.message) });
    note("Failure", `A query failed: ${error.message}`);
  }
  $("#queries").textContent = whole.format(queries.length);
  $("#failed").textContent = whole.format(queries.filter(({ ok }) => !ok).length);
  timer = setTimeout(poll, POLL);
}

let leaving = false;
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
  note("By hand", `Signed in as ${user.name} of ${user.company}`);
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

const timeline = new Chart($("#timeline"), {
  type: "bar",
  data: {
    labels: LANES,
    datasets: [{ data: [], minBarLength: 4, barThickness: 13, borderRadius: 3, borderSkipped: false }],
  },
  options: {
    indexAxis: "y",
    maintainAspectRatio: false,
    animation: false,
    plugins: { legend: { display: false }, tooltip: { callbacks: { label: ({ raw }) => raw.text } } },
    scales: {
      x: {
        min: -WINDOW / 1000,
        max: 0,
        border: { display: false },
        ticks: { stepSize: 15, maxRotation: 0, callback: (value) => (value === 0 ? "now" : `${value} s`) },
      },
      y: { grid: { display: false }, border: { display: false } },
    },
  },
});

function paint() {
  Chart.defaults.color = tone("--soft");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  for (const each of [chart, timeline]) {
    for (const axis of Object.values(each.options.scales)) {
      axis.ticks.color = tone("--soft");
      axis.grid = { ...axis.grid, color: tone("--line") };
    }
    each.update("none");
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

let shownClaims;
function showToken() {
  const snapshot = tokens?.getSnapshot() ?? { status: "empty", refreshing: false };
  const { status, refreshing, expiresAt, refreshAt, claims, error } = snapshot;
  $("#status").dataset.status = status;
  $("#status").textContent = refreshing ? `${status}, refreshing` : status;
  const left = expiresAt === undefined ? undefined : Math.max(0, expiresAt - Date.now()) / 1000;
  $("#left").textContent = left === undefined ? "–" : left.toFixed(1);
  $("#left-label").textContent = left === undefined ? "no token" : "seconds until it expires";
  if (claims?.exp && expiresAt && refreshAt) {
    const life = expiresAt - claims.iat * 1000;
    const share = (duration) => `${Math.min(100, Math.max(0, (duration / life) * 100))}%`;
    $("#zone-stale").style.width = share(expiresAt - refreshAt);
    $("#zone-last").style.width = share(Math.min(10_000, life / 4));
    $("#hand").style.width = share(Date.now() - claims.iat * 1000);
  } else {
    for (const part of ["#zone-stale", "#zone-last", "#hand"]) $(part).style.width = "0";
  }
  if (claims !== shownClaims) {
    shownClaims = claims;
    const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
    $("#claims").replaceChildren(
      ...Object.entries(claims ?? {}).flatMap(([name, value]) => {
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = name;
        text.textContent = name === "exp" || name === "iat" ? time(value) : String(value);
        return [term, text];
      }),
    );
  }
  $("#error").hidden = !error;
  $("#error").textContent = error ? `${error.code}: ${error.message}` : "";
}

function showTimeline() {
  const now = Date.now();
  const recent = events.filter(({ until }) => until > now - WINDOW);
  const [data] = timeline.data.datasets;
  data.data = recent.map(({ lane, at, until, text }) => ({
    y: lane,
    x: [(at - now) / 1000, (until - now) / 1000],
    text: text || "answered",
  }));
  data.backgroundColor = recent.map(({ lane }) => tone(TONES[lane]));
  timeline.update("none");
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
$("#expire").onclick = () => tokens.invalidate();
for (const button of document.querySelectorAll("[data-mode]")) {
  button.onclick = async () => {
    ({ endpoint } = await (await fetch(`/endpoint/${button.dataset.mode}`, { method: "POST" })).json());
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

const woke = (text) => () => note("Wake-up", text);
window.addEventListener("focus", woke("The window got the focus"));
window.addEventListener("online", woke("Online again"));
window.addEventListener(
  "pageshow",
  ({ persisted }) => persisted && woke("Back from the back/forward cache")(),
);
document.addEventListener("visibilitychange", () => document.hidden || woke("The page is shown again")());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

window.demo = { events, queries, tokens: () => tokens };
paint();
setInterval(showToken, 100);
setInterval(showTimeline, 250);

const session = await (await fetch("/session")).json();
({ user, endpoint } = session);
$("#ttl").textContent = session.tokenTtl;
start();
