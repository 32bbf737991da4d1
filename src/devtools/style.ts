/**
 * Follows the system's color scheme and `prefers-reduced-motion`. The page's rules override those for `:host` unless they
 * are important; they do not reach into the shadow root.
 */
export const css = `
:host { all: initial !important; display: block !important; }
:host([data-floating]) {
  position: fixed !important;
  right: 12px !important;
  bottom: 12px !important;
  z-index: 2147483647 !important;
  width: min(420px, calc(100vw - 24px)) !important;
}
:host([data-floating]) .content { max-height: min(520px, 70vh); overflow: auto; grid-template-columns: minmax(0, 1fr); }
section {
  --card: #fff; --ink: #16172b; --soft: #5a5c75; --line: #dcdce8; --well: #f4f4f8;
  --accent: #4f46e5; --good: #0b7a54; --warn: #8f5600; --bad: #c02a44; --teal: #0b7a70; --violet: #7c3aca;
  overflow: hidden;
  border: 1px solid var(--line);
  border-radius: 14px;
  background: var(--card);
  color: var(--ink);
  color-scheme: light dark;
  font: 14px/1.45 ui-sans-serif, system-ui, sans-serif;
  font-variant-numeric: tabular-nums;
}
@media (prefers-color-scheme: dark) {
  section {
    --card: #171927; --ink: #ececf6; --soft: #a4a6c0; --line: #34374d; --well: #0f111c;
    --accent: #9d99ff; --good: #4cc596; --warn: #eab04d; --bad: #ff8a9c; --teal: #2dd4bf; --violet: #c99bff;
  }
}
:host([data-floating]) section { box-shadow: 0 8px 32px rgb(0 0 0 / 25%); }
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
summary { display: flex; gap: 10px; align-items: center; padding: 12px 16px; cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "▸"; color: var(--soft); }
[open] > summary::before { content: "▾"; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; border-radius: 14px; }
h2 { font-size: 15px; }
h3 { margin: 14px 0 6px; color: var(--soft); font-size: 12.5px; font-weight: 600; }
.pill {
  margin-left: auto;
  padding: 1px 10px;
  border: 1px solid;
  border-radius: 99px;
  color: var(--soft);
  font-size: 12.5px;
  font-weight: 600;
}
[data-status="fresh"] { color: var(--good); }
[data-status="stale"] { color: var(--warn); }
[data-status="expired"] { color: var(--bad); }
.content {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
  gap: 0 28px;
  padding: 0 16px 16px;
}
.content > * { min-width: 0; }
.left { display: flex; flex-wrap: wrap; gap: 0 8px; align-items: baseline; color: var(--soft); }
.left b { color: var(--ink); font-size: 32px; line-height: 1.2; letter-spacing: -0.02em; }
.life { position: relative; height: 10px; margin: 6px 0; overflow: hidden; border-radius: 5px; background: var(--well); }
.life i { position: absolute; inset: 0 auto 0 0; background: currentcolor; forced-color-adjust: none; }
.life .zone { right: 0; color: var(--warn); opacity: 0.35; }
.due { min-height: 1.45em; color: var(--soft); font-size: 13px; }
.error { color: var(--bad); font-size: 13px; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: 2px 14px; font: 12.5px/1.5 ui-monospace, monospace; }
dt { color: var(--soft); overflow-wrap: anywhere; }
dd { overflow-wrap: anywhere; }
.timeline { display: grid; grid-template-columns: auto 1fr; gap: 3px 10px; font-size: 12px; color: var(--soft); }
.track { position: relative; border-radius: 4px; background: var(--well); overflow: hidden; }
.track i { position: absolute; inset: 3px auto; min-width: 3px; border-radius: 2px; }
.ticks { display: flex; justify-content: space-between; }
.track i, li i { background: var(--tone); forced-color-adjust: none; }
[data-lane="Refresh"] { --tone: var(--soft); }
[data-lane="Request"] { --tone: var(--accent); }
[data-lane="Other tab"] { --tone: var(--teal); }
[data-lane="New token"] { --tone: var(--good); }
[data-lane="Failure"] { --tone: var(--bad); }
[data-lane="State"] { --tone: var(--violet); }
ol { height: 180px; padding: 6px 10px; overflow: auto; border-radius: 8px; background: var(--well); list-style: none; font-size: 13px; }
li { display: grid; grid-template-columns: auto 8px 1fr; gap: 8px; align-items: baseline; }
li i { width: 8px; height: 8px; border-radius: 50%; }
li span { min-width: 0; overflow-wrap: anywhere; }
time { color: var(--soft); white-space: nowrap; }
@media (prefers-reduced-motion: no-preference) {
  .open { animation: pulse 1s ease-in-out infinite alternate; }
}
@keyframes pulse { to { opacity: 0.45; } }
`;
