import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { draw } from "./chart.mjs";
import { goals, live, OUTAGE } from "./fleet.mjs";
import { fixedMargin, ours } from "./rules.mjs";

const docs = fileURLToPath(new URL("../../docs", import.meta.url));
const number = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 2 : 0 });

/**
 * Simulates the fleet under both rules, with and without the outage, prints the table and checks the goals.
 *
 * @param {{ clients: number, seed: number, write: boolean }} options `write`: also renews the page and the chart in `docs/`.
 * @returns {Promise<boolean>} whether all goals are met.
 */
export async function fleet({ clients, seed, write }) {
  const run = (rule, outage) => live(rule, { clients, seed, ...(outage && { outage: OUTAGE }) });
  const results = {
    fixed: run(fixedMargin, false),
    ours: run(ours, false),
    fixedWithOutage: run(fixedMargin, true),
    oursWithOutage: run(ours, true),
  };
  const rows = [
    ["fixed margin of 60 s", results.fixed],
    ["cube-token-manager", results.ours],
    ["fixed margin, with the outage", results.fixedWithOutage],
    ["cube-token-manager, with the outage", results.oursWithOutage],
  ].map(
    ([name, { mean, requestsPerClient, peak, peakAfterOutage, withoutToken }]) =>
      `| ${name} | ${number(mean)} | ${number(peak)} | ${number(peakAfterOutage)} | ${number(requestsPerClient)} | ${number(withoutToken)} s |`,
  );
  const table = [
    "| | requests per second, mean | peak to mean, 5 to 60 min | peak to mean, 63 to 120 min | requests per client | without a valid token, mean |",
    "|---|--:|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
  const checked = goals(results);
  const met = checked.every(({ is, most }) => is <= most);
  const list = checked
    .map(({ goal, is, most }) => `- ${goal}: ${number(is)} (goal: at most ${number(most)})`)
    .join("\n");
  // Other lifetimes and outages, reported without a goal.
  const others = otherFleets(clients / 10, seed);
  console.log(`${table}\n\n${others}\n\n${list}\n\n${met ? "All goals are met." : "NOT all goals are met."}`);
  if (write) {
    const svg = draw([
      { title: "The endpoint is up", ours: results.ours, fixed: results.fixed },
      {
        title: "The endpoint is down for three minutes after an hour",
        ours: results.oursWithOutage,
        fixed: results.fixedWithOutage,
        outage: true,
      },
    ]);
    await writeFile(`${docs}/fleet.svg`, svg);
    await writeFile(`${docs}/fleet.md`, page(clients, table, list, others));
  }
  return met;
}

const minutes = (count) => `${count / 60} min`;

/** Simulates other lifetimes and outages of other lengths. */
function otherFleets(clients, seed) {
  const rows = [300, 900, 3600].flatMap((lifetime) =>
    [60, 180, 600, 1200].map((length) => {
      const outage = { from: OUTAGE.from, to: OUTAGE.from + length };
      const { peakAfterOutage, recoveredAfter } = live(ours, { clients, seed, lifetime, outage });
      return `| ${minutes(lifetime)} | ${minutes(length)} | ${number(peakAfterOutage)} | ${number(recoveredAfter)} s |`;
    }),
  );
  return [
    "| lifetime | outage | peak to mean, after it | until every client has a token |",
    "|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

const page = (clients, table, list, others) => `# A fleet of clients

<!-- Made by "npm run fleet -- --write". -->

${number(clients)} clients with tokens of five minutes, all started within ten seconds (a broadcast e-mail, a deploy), over two
hours. Every client needs a token all the time. In the upper chart the endpoint is up; in the lower one it is down for three minutes.
\`npm run fleet -- --write\` measures this again.

![Requests per second at the token endpoint over two hours](fleet.svg)

${table}

${list}
- an expired token is never handed out: if a client has no valid token, its callers get the error

Other lifetimes and outages (${number(clients / 10)} clients), without goals:

${others}

## Why

Clients that start together and refresh at a fixed time before expiry come back together every time: they hit the endpoint in
spikes of ten seconds, with four minutes of silence between them. A small jitter widens each spike only a little.

- **The first token desynchronizes the clients.** It is refreshed somewhere in a window twice as wide as the later ones
  (\`refreshJitter\`, 0.2 of the lifetime, so 0.4), which is what makes the sum of two draws flat. That costs one early
  request per client. The first token after a failure is treated the same way.
- **After an outage every page has a token within a minute, and that has a price.** A client whose refresh failed while
  its old token was valid retries once more before that expires, then every 40 to 60 s. So all clients whose token has
  expired come back within one minute instead of within one lifetime: the shorter that minute, the higher the peak. Between
  retries callers get the last error immediately; \`forceRefresh\`, the browser's \`online\` event and \`Retry-After\`
  override that. While a caller waits for a first token, retries come sooner: after up to 1, 2 and 4 s.

The clients are simulated one after the other with the package's own \`src/core/schedule.ts\`. A test also runs a small fleet
of real managers and compares the counts.
`;
