import type { Outcome, Scene } from "./scene.js";

/** One row of the table. */
export interface Attack {
  id: string;
  title: string;
  /** What the attacker does, in a sentence. */
  does: string;
  sources: readonly Source[];
  /** Attacks of one stage are made in one page, one after another; "changed" and "cleared" follow "open" in it. */
  stage:
    | "open"
    | "changed"
    | "cleared"
    | "left"
    | "worker"
    | "tossed"
    | "prefixed"
    | "first"
    | "disk"
    | "extension";
  run(scene: Scene): Promise<Outcome>;
}

export type Source = readonly [title: string, url: string];

const BBA = "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps-26#section-";
const OWASP = "https://cheatsheetseries.owasp.org/cheatsheets/";
const bba = (section: string, title: string): Source => [`BBA ${section}, ${title}`, BBA + section];
const owasp = (page: string, title: string): Source => [
  `OWASP, ${title}`,
  `${OWASP}${page}_Cheat_Sheet.html`,
];

const html5 = owasp("HTML5_Security", "HTML5 Security");
const session = owasp("Session_Management", "Session Management");
const csrf = owasp("Cross-Site_Request_Forgery_Prevention", "CSRF Prevention");

export const attacks: readonly Attack[] = [
  {
    id: "once",
    title: "Single-execution token theft",
    does: "A script in the page reads all storages, cookies and caches, the DOM and the window's properties, once.",
    sources: [bba("5.1.1", "Single-Execution Token Theft"), html5],
    stage: "open",
    async run(scene) {
      await scene.inject("attacker.read()");
      return scene.judge();
    },
  },
  {
    id: "stays",
    title: "Persistent token theft",
    does: "A script that runs after the setup replaces the page's built-ins and waits for the next query.",
    sources: [bba("5.1.2", "Persistent Token Theft"), bba("8.4", "In-Memory Token Storage")],
    stage: "changed",
    async run(scene) {
      await scene.inject("attacker.hook()");
      await scene.use();
      await scene.use();
      await scene.inject("attacker.read()");
      return scene.judge();
    },
  },
  {
    id: "first",
    title: "Changed built-ins before the setup",
    does: "A script that runs before the application replaces the built-ins; its `Worker` runs the application's script with the attacker's `fetch`.",
    sources: [
      bba("8.4", "In-Memory Token Storage"),
      owasp("Third_Party_Javascript_Management", "Third Party JavaScript"),
    ],
    stage: "first",
    run: (scene) => beFirst(scene, "&first"),
  },
  {
    id: "first-policy",
    title: "The same, with a policy for workers",
    does: "The page has the Content-Security-Policy `worker-src 'self'`.",
    sources: [owasp("Content_Security_Policy", "Content Security Policy")],
    stage: "first",
    run: (scene) => beFirst(scene, "&first&policy"),
  },
  {
    id: "ask",
    title: "Acquisition of new tokens",
    does: "A script in the page requests a token itself: from the endpoint, with the user's session cookie, or from the host page, as the frame does.",
    sources: [bba("5.1.3", "Acquisition and Extraction of New Tokens")],
    stage: "open",
    async run(scene) {
      await scene.inject("attacker.ask()");
      return scene.judge();
    },
  },
  {
    id: "ask-guarded",
    title: "The same, from an endpoint that requires a secret",
    does: "The endpoint requires a secret that is in the application's script or, for the isolated worker, in the worker's script, which the server serves only to workers. The attacker's script looks for it there.",
    sources: [bba("5.1.3", "Acquisition and Extraction of New Tokens")],
    stage: "open",
    async run(scene) {
      scene.world.guarded = true;
      await scene.inject("attacker.ask()");
      scene.world.guarded = false;
      return scene.judge();
    },
  },
  {
    id: "proxy",
    title: "Proxying requests through the user's browser",
    does: "A script in the page makes the application's own code, or its worker, send queries, and takes the rows.",
    sources: [bba("5.1.4", "Proxying Requests via the User's Browser")],
    stage: "open",
    async run(scene) {
      await scene.inject("attacker.proxy()");
      await scene.use();
      await scene.inside("attacker.flush().then(attacker.stop)");
      return scene.judge();
    },
  },
  {
    id: "worker-below",
    title: "A service worker from an uploads folder",
    does: "A script in the page registers a service worker that the server serves from `/uploads/`.",
    sources: [bba("8.2", "Token Storage in a Service Worker")],
    stage: "worker",
    async run(scene) {
      await scene.close();
      await scene.open();
      scene.world.loot.length = 0;
      await scene.inject(`attacker.serviceWorker("/uploads/sw.js").catch(() => {})`);
      await scene.reload();
      return scene.judgeSoon();
    },
  },
  {
    id: "worker-above",
    title: "A service worker from the root",
    does: "The same, but the server serves the attacker's script from `/`.",
    sources: [bba("8.2", "Token Storage in a Service Worker")],
    stage: "worker",
    async run(scene) {
      await scene.inject(`attacker.serviceWorker("/sw.js").catch(() => {})`);
      await scene.reload();
      return scene.judgeSoon();
    },
  },
  {
    id: "tracker",
    title: "An error tracker",
    does: "The application logs every event and error, and a script records the console, errors and request URLs and sends them elsewhere.",
    sources: [owasp("Logging", "Logging, Data to exclude")],
    stage: "open",
    async run(scene) {
      await scene.inject("attacker.track()");
      await scene.inside("app.fail()");
      await scene.use();
      await scene.inside("attacker.flush()");
      return scene.judge();
    },
  },
  {
    id: "neighbour",
    title: "Another application on the origin",
    does: "A page of the same origin, in its own tab, reads every storage and listens to the messages between tabs.",
    sources: [bba("9.4", "Isolating Applications using Origins"), html5],
    stage: "open",
    async run(scene) {
      await scene.visit(scene.world.app, "read");
      return scene.judge();
    },
  },
  {
    id: "window",
    title: "A window of the origin",
    does: "A page of the same origin embeds the application in a frame, or has it in a sibling frame, and runs scripts in that frame.",
    sources: [
      bba("5", "The Threat of Malicious JavaScript"),
      bba("9.4", "Isolating Applications using Origins"),
    ],
    stage: "changed",
    async run(scene) {
      // Without leftovers of the previous attack.
      await scene.reload();
      if (scene.way.embedded) await scene.embed(scene.world.app, "enter,sibling");
      else await scene.visit(scene.world.app, `enterFrame,${scene.way.id}`);
      return scene.judge();
    },
  },
  {
    id: "port",
    title: "Another port of the host",
    does: "A page served by another server on the same host reads every storage.",
    sources: [["RFC 6265 8.5, Weak Confidentiality", "https://www.rfc-editor.org/rfc/rfc6265#section-8.5"]],
    stage: "open",
    async run(scene) {
      await scene.visit(scene.world.port, "read");
      return scene.judge();
    },
  },
  {
    id: "subdomain",
    title: "A subdomain",
    does: "A page on a subdomain of the application's host reads every storage.",
    sources: [session],
    stage: "open",
    async run(scene) {
      await scene.visit(scene.world.sub, "read");
      return scene.judge();
    },
  },
  {
    id: "tossed",
    title: "Cookie tossing",
    does: "A page on a subdomain sets a cookie with the attacker's token for the whole domain.",
    sources: [
      ["RFC 6265 8.6, Weak Integrity", "https://www.rfc-editor.org/rfc/rfc6265#section-8.6"],
      session,
    ],
    stage: "tossed",
    run: (scene) => toss(scene, "cube.token:/token", ""),
  },
  {
    id: "prefixed",
    title: "Cookie tossing, with a `__Host-` name",
    does: 'The same, but the `storageKey` is "__Host-cube-token".',
    sources: [
      [
        "RFC 6265bis 4.1.3.2, The __Host- Prefix",
        "https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3.2",
      ],
    ],
    stage: "tossed",
    run: (scene) => toss(scene, "__Host-cube-token", "&key=__Host-cube-token"),
  },
  {
    id: "sent",
    title: "Sent with other requests",
    does: "Another service behind the same host logs the headers of an image request.",
    sources: [bba("8.1", "Cookies")],
    stage: "open",
    async run(scene) {
      await scene.inside(`new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = () => resolve(true);
        image.src = "/other-service/pixel.gif";
      })`);
      return scene.judge();
    },
  },
  {
    id: "cache",
    title: "The browser's cache",
    does: "A script in the page looks for the endpoint's response in the HTTP cache; the endpoint did not send `no-store`.",
    sources: [session],
    stage: "open",
    async run(scene) {
      await scene.inject("attacker.cache()");
      return scene.judge();
    },
  },
  {
    id: "widget",
    title: "A hostile frame in the page",
    does: "A frame of another site, such as an advertisement, tries to access the page and the sibling frame, and posts messages to them.",
    sources: [html5],
    stage: "open",
    async run(scene) {
      await scene.embed(scene.world.evil, "outside,parent");
      if (scene.way.embedded) await scene.embed(scene.world.evil, "outside,sibling");
      return scene.judge();
    },
  },
  {
    id: "around",
    title: "A hostile embedding page",
    does: "A page of another site embeds the application, or the page that embeds it, in a frame, and does the same.",
    sources: [owasp("Clickjacking_Defense", "Clickjacking Defense")],
    stage: "open",
    async run(scene) {
      await scene.visit(scene.world.evil, `around,${scene.way.id},app${scene.way.embedded ? ",host" : ""}`);
      return scene.judge();
    },
  },
  {
    id: "forged",
    title: "CSRF against the endpoint",
    does: "A page of another site makes the browser request the endpoint by `fetch`, script, image and frame.",
    sources: [csrf],
    stage: "open",
    async run(scene) {
      await scene.visit(scene.world.evil, "forge");
      return scene.judge();
    },
  },
  {
    id: "reflected",
    title: "CSRF, with CORS for every origin",
    does: "The same, but the endpoint reflects every `Origin` with credentials, and the session cookie is `SameSite=None`.",
    sources: [html5, csrf],
    stage: "open",
    async run(scene) {
      scene.world.open = true;
      await scene.visit(scene.world.evil, "forge");
      scene.world.open = false;
      return scene.judge();
    },
  },
  {
    id: "back",
    title: "The back button",
    does: "The session has ended on the server without `clear()`, and the tab shows another page. Someone goes back, and uses the page and its console.",
    sources: [session],
    stage: "left",
    async run(scene) {
      // An engine may have discarded the page this time, but not the next.
      for (let tries = 3; ; tries--) {
        scene.world.signedIn = false;
        await scene.leaveAndReturn();
        const rows = await scene.use();
        await scene.inject("attacker.read()");
        const outcome = await scene.judge();
        if (outcome === "safe" && rows === "2") return "open";
        if (outcome !== "safe" || tries === 1) return outcome;
        await scene.close();
        scene.world.signedIn = true;
        await scene.open();
      }
    },
  },
  {
    id: "next",
    title: "The next user of the computer",
    does: "The tab was closed without `clear()`. Someone opens another one and reads every storage of the application.",
    sources: [session, html5],
    stage: "left",
    run: readLater,
  },
  {
    id: "cleared",
    title: "The next user, after `clear()`",
    does: "The same, after the session ended and `clear()` was called.",
    sources: [session],
    stage: "cleared",
    async run(scene) {
      // Without leftovers of the previous attacks.
      await scene.reload();
      scene.world.loot.length = 0;
      scene.world.signedIn = false;
      await scene.inside("app.clear()");
      return readLater(scene);
    },
  },
  {
    id: "disk",
    title: "The files of the browser's profile",
    does: "The browser was closed without `clear()`. Someone with access to the profile's files searches them and opens the profile.",
    sources: [bba("8.6", "Filesystem Considerations for Browser Storage APIs")],
    stage: "disk",
    run: readLater,
  },
  {
    id: "disk-no-store",
    title: "The same, with `no-store` on Cube's responses",
    does: "A gateway in front of Cube adds `Cache-Control: no-store` to its responses, because Firefox stores a request's `Authorization` header with the cached response.",
    sources: [bba("8.6", "Filesystem Considerations for Browser Storage APIs")],
    stage: "disk",
    run: readLater,
  },
  {
    id: "extension",
    title: "An extension",
    does: "An extension with permission to read requests on every site takes the header from requests to Cube.",
    sources: [owasp("Browser_Extension_Vulnerabilities", "Browser Extension Vulnerabilities")],
    stage: "extension",
    async run(scene) {
      for (let n = 0; n < 5 && (await scene.judgeSoon()) === "safe"; n++) await scene.use();
      return scene.judge();
    },
  },
];

/** The application has been closed, and another person uses the browser. */
async function readLater(scene: Scene): Promise<Outcome> {
  await scene.close();
  scene.world.signedIn = false;
  // If the token is kept in a frame, open the page around it.
  if (scene.way.embedded) {
    await scene.open();
    await scene.inject("attacker.read()");
  } else {
    await scene.visit(scene.world.app, "read");
  }
  return scene.judge();
}

async function beFirst(scene: Scene, query: string): Promise<Outcome> {
  await scene.close();
  scene.world.signedIn = true;
  await scene.open(query);
  await scene.use();
  await scene.inside("attacker.flush()");
  return scene.judge();
}

async function toss(scene: Scene, key: string, query: string): Promise<Outcome> {
  // The user has a session, but no token yet.
  await scene.close();
  scene.world.signedIn = true;
  await scene.visit(scene.world.sub, `toss,${scene.way.id},${key}`);
  await scene.close();
  scene.world.subjects.clear();
  await scene.open(query);
  await scene.use();
  return scene.world.subjects.has("mallory") ? "planted" : scene.judge();
}
