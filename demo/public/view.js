/* global Chart */

/** The chart with its key figures and table, for both the page and the frame. */

const POLL = 3000;

const query = {
  measures: ["Orders.count", "Orders.revenue"],
  dimensions: ["Orders.company"],
  timeDimensions: [{ dimension: "Orders.createdAt", granularity: "month" }],
};

/** Queries Cube every three seconds, even after errors. Returns a function that stops it. */
export function poll(cubeApi, { onRows, onError }) {
  let timer;
  let ended = false;
  const next = async () => {
    try {
      const rows = (await cubeApi.load(query)).rawData();
      // A late answer may be for the previous user, so this one must not see it.
      if (!ended) onRows(rows);
    } catch (error) {
      if (!ended) onError(error);
    }
    if (!ended) timer = setTimeout(next, POLL);
  };
  next();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

const markup = (heading) => `
  <div class="head">
    <${heading}>Revenue by month</${heading}>
    <span class="chip" id="company">signed out</span>
  </div>
  <dl class="figures">
    <div><dt>Revenue</dt><dd id="revenue">–</dd></div>
    <div><dt>Orders</dt><dd id="orders">–</dd></div>
    <div><dt>Queries</dt><dd id="queries">0</dd></div>
    <div><dt>Failed</dt><dd id="failed">0</dd></div>
  </dl>
  <div class="canvas">
    <canvas id="chart" role="img" aria-label="Bar chart of revenue by month"></canvas>
    <p id="empty">Sign in to see a company’s orders.</p>
  </div>
  <details>
    <summary>Table</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Table">
      <table id="numbers"><thead><tr><th>Month</th><th>Orders</th><th>Revenue</th></tr></thead><tbody></tbody></table>
    </div>
  </details>`;

const tone = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const money = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const whole = new Intl.NumberFormat("en");
const monthName = (value) =>
  new Date(`${value}Z`).toLocaleDateString("en", { month: "short", year: "2-digit", timeZone: "UTC" });
const sum = (rows, member) => rows.reduce((total, row) => total + Number(row[member]), 0);

/** @param {string} heading "h1" if the page has no other heading. */
export function createView(container, heading = "h2") {
  container.innerHTML = markup(heading);
  const $ = (selector) => container.querySelector(selector);

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

  const paint = () => {
    Chart.defaults.color = tone("--soft");
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const axis of Object.values(chart.options.scales)) {
      axis.ticks.color = tone("--soft");
      axis.grid = { ...axis.grid, color: tone("--line") };
    }
    chart.data.datasets[0].backgroundColor = tone("--accent");
    chart.update("none");
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint();

  let shown = "";
  return {
    /** @param {string} waiting shown instead of the company while there are no rows. */
    rows(rows, waiting) {
      const key = JSON.stringify([waiting, rows]);
      if (key === shown) return;
      shown = key;
      const months = rows.map((row) => monthName(row["Orders.createdAt.month"]));
      chart.data.labels = months;
      chart.data.datasets[0].data = rows.map((row) => Number(row["Orders.revenue"]));
      chart.update();
      $("#empty").hidden = rows.length > 0;
      $("#chart").style.visibility = rows.length > 0 ? "" : "hidden";
      $("#company").textContent = rows[0]?.["Orders.company"] ?? waiting;
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
    },
    /** @param {{ ok: boolean }[]} queries so far. */
    queries(queries) {
      $("#queries").textContent = whole.format(queries.length);
      $("#failed").textContent = whole.format(queries.filter(({ ok }) => !ok).length);
    },
  };
}

/** The companies in an answer, for the end-to-end test. */
export const companiesOf = (rows) => [...new Set(rows.map((row) => row["Orders.company"]))];
