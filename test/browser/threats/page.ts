import { attacks } from "./attacks.js";
import type { Measured } from "./run.js";
import type { Outcome } from "./scene.js";
import { type Way, ways } from "./ways.js";

/** What `npm run threats -- --write` has measured. */
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
  // What one engine cannot express says nothing against the others.
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

What an attacker gets, for each way to keep the token. Every cell is the outcome of an attack that was really made, on ${results.date}, in ${versions.join(", ")},
over https, with a real Cube server. Third-party cookies are as these browsers treat them by default: Chrome allows them, Firefox keeps them apart by site, WebKitGTK lets another site's frame set none. \`npm run threats\` repeats the attacks.
They are those of the IETF's [OAuth 2.0 for Browser-Based Applications](https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps-26) (BBA) and those that
OWASP's cheat sheets describe for what a browser keeps. [Security](security.md) says what to do about them.

- **stolen**: the attacker got a token, and Cube accepted it from a program outside of the browser.
- **while open**: the attacker got rows, or could use the page, but got no token. This ends when the page is closed.
- **no**: the attacker got neither.
- **planted**: the application went on with a token of the attacker's, so the user saw the attacker's data.
- **–**: no engine here can express it.

Where the engines differ, the cell names them. The ways:

- memory, sessionStorage, localStorage, IndexedDB, cookie: \`memoryStorage()\`, \`webStorage("session")\`, \`webStorage("local")\`, \`indexedDBStorage()\` and \`cookieStorage()\`, in a page of its own.
- \`Partitioned\` cookie: \`cookieStorage({ partitioned: true })\`, in a frame in a page of another site. The attacker's scripts are in the frame.
- isolated worker: [\`serveCube\` in a worker](isolated.md). The attacker's scripts are in the page.
- frame: in a frame in a page of another site, with [the tokens of that page](embedding.md#the-page-around-it-gives-the-token). The attacker's scripts are in the frame.
- careless, for control: an application that puts its token into web storage, a cookie for all subdomains, a global variable, the console, the HTTP cache and messages to everybody. It shows which attacks work at all.

The application keeps its manager in a closure, as bundlers do. If it puts the manager on \`window\`, every script can call \`getToken()\`.

| The attack | ${ways.map(({ title }) => title).join(" | ")} |
|---|${ways.map(() => "---|").join("")}
${rows.join("\n")}

## The balance

The attacks by number; where the engines differ, the worst outcome counts.

| way | stolen | planted | while the page is open | holds |
|---|---|---|---|---|
${balance.join("\n")}

## What could not be expressed

${notes.join("\n") || "Nothing."}

## What is not in the table

- Whatever else a script in the page can do: for as long as the page is open, it can do what the user can do. No way to keep a token changes that.
- A copy of a token works until it expires, also after \`clear()\`. Keep the lifetime short.
- Malware on the computer, a debugger, the memory of the browser's processes, and the connection itself.
- Refresh tokens: this package holds none.
`;
}
