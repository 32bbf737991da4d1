import { attacks } from "./attacks.js";
import type { Measured } from "./run.js";
import type { Outcome } from "./scene.js";
import { type Way, ways } from "./ways.js";

/** The measurements of `npm run threats -- --write`. */
export interface Results {
  date: string;
  engines: Record<string, Measured>;
}

const enginesOf = (results: Results) => Object.entries(results.engines).sort(([a], [b]) => (a < b ? -1 : 1));

const WORDS: Record<Outcome, string> = {
  stolen: "**stolen**",
  open: "while open",
  safe: "no",
  planted: "**planted**",
  "-": "–",
};
const WORST: readonly Outcome[] = ["stolen", "planted", "open", "safe", "-"];

/** The outcomes of a cell, the worst first, with the engines that have shown each. */
function outcomes(results: Results, attack: string, way: string): [Outcome, string[]][] {
  const by = new Map<Outcome, string[]>();
  for (const [name, { cells }] of enginesOf(results)) {
    const outcome = cells[attack]?.[way] ?? "-";
    by.set(outcome, [...(by.get(outcome) ?? []), name]);
  }
  return [...by].sort(([a], [b]) => WORST.indexOf(a) - WORST.indexOf(b));
}

function cell(results: Results, attack: string, way: string): string {
  const all = outcomes(results, attack, way);
  // An engine that cannot express an attack does not count.
  const expressed = all.filter(([outcome]) => outcome !== "-");
  if (expressed.length < 2) return WORDS[expressed[0]?.[0] ?? "-"];
  return expressed.map(([outcome, names]) => `${WORDS[outcome]} (${names.join(", ")})`).join(", ");
}

/** The attacks whose worst outcome for a way is this one, by their numbers. */
function numbers(results: Results, way: Way, wanted: Outcome): string {
  return attacks
    .flatMap(({ id }, index) => (outcomes(results, id, way.id)[0]?.[0] === wanted ? [index + 1] : []))
    .join(", ");
}

export function renderPage(results: Results): string {
  const engines = enginesOf(results);
  const versions = engines.map(
    ([name, { version }]) => `${name === "WebKit" ? "WebKitGTK" : name} ${version}`,
  );
  const rows = attacks.map(({ id, title, does, sources }, index) => {
    const links = sources.map(([name, url]) => `[${name}](${url})`).join("; ");
    const cells = ways.map((way) => cell(results, id, way.id));
    return `| **${index + 1}. ${title}.** ${does} ${links} | ${cells.join(" | ")} |`;
  });
  const balance = ways.map((way) => {
    const columns = (["stolen", "planted", "open", "safe"] as const).map(
      (each) => numbers(results, way, each) || "–",
    );
    return `| ${way.title} | ${columns.join(" | ")} |`;
  });
  const notes = engines.flatMap(([name, { notes: list }]) => list.map((note) => `- ${name}: ${note}.`));

  return `# Threats

<!-- Made by "npm run threats -- --write". -->

What an attacker gets, for each way to keep the token. Every cell is the outcome of an attack that was actually run, on ${results.date}, in ${versions.join(", ")},
over https, with a real Cube server. The browsers use their default settings for third-party cookies: Chrome allows them, Firefox partitions them by site, and WebKitGTK does not let another site's frame set any. \`npm run threats\` repeats the attacks.
The attacks are those of the IETF's [OAuth 2.0 for Browser-Based Applications](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps-26) (BBA) and those that
OWASP's cheat sheets describe for data that a browser keeps. [Security](security.md) describes the countermeasures.

- **stolen**: the attacker got a token, and Cube accepted it from a program outside the browser.
- **while open**: the attacker got rows, or could use the page, but got no token. This ends when the page is closed.
- **no**: the attacker got neither.
- **planted**: the application used the attacker's token, so the user saw the attacker's data.
- **–**: could not be run in any engine.

Where the engines differ, the cell names them. The ways:

- memory, sessionStorage, localStorage, IndexedDB, cookie: \`memoryStorage()\`, \`webStorage("session")\`, \`webStorage("local")\`, \`indexedDBStorage()\` and \`cookieStorage()\`, in a top-level page.
- \`Partitioned\` cookie: \`cookieStorage({ partitioned: true })\`, in a frame embedded by another site. The attacker's scripts are in the frame.
- isolated worker: [\`serveCube\` in a worker](isolated.md). The attacker's scripts are in the page.
- frame: in a frame embedded by another site, with [the tokens of the embedding page](embedding.md#the-page-around-it-gives-the-token). The attacker's scripts are in the frame.
- careless, as a control: an application that puts its token into web storage, a cookie for all subdomains, a global variable, the console, the HTTP cache and messages to any origin. It shows which attacks work at all.

The application keeps its manager in a closure, as bundlers do. If an application puts the manager on \`window\`, every script can call \`getToken()\`.

| Attack | ${ways.map(({ title }) => title).join(" | ")} |
|---|${ways.map(() => "---|").join("")}
${rows.join("\n")}

## Summary

The attacks by number. Where the engines differ, the worst outcome counts.

| way | stolen | planted | while open | no |
|---|---|---|---|---|
${balance.join("\n")}

## What could not be run

${notes.join("\n") || "Nothing."}

## What is not in the table

- Anything else that a script in the page can do: while the page is open, it can do what the user can do, however the token is kept.
- A copy of a token works until it expires, even after \`clear()\`. Keep the lifetime short.
- Malware on the computer, a debugger, the memory of the browser's processes, and the connection itself.
- Refresh tokens: this package holds none.
`;
}
