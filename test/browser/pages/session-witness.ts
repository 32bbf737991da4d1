/** Replaces the manager of the recipes, to observe its tokens. Also contains what both pages have in common. */
import { CubeTokenManager as Manager } from "../../../src/manager.js";
import type { CubeTokenManagerOptions } from "../../../src/options.js";

export * from "../../../src/index.js";

const search = new URLSearchParams(location.search);
if (search.has("tab")) window.name = search.get("tab")!;

/** The user of this page, once the server has answered. */
export const witness: { user: string | null; used: Manager | undefined } = { user: null, used: undefined };

export const report = (what: object): void =>
  void navigator.sendBeacon("/report", JSON.stringify({ tab: window.name, at: Date.now(), ...what }));

/** Without `identity`, if the URL says so. */
const adjust = (options: CubeTokenManagerOptions): CubeTokenManagerOptions =>
  search.has("anonymous") ? ({ ...options, identity: undefined } as CubeTokenManagerOptions) : options;

let last = "";
let until = 0;
/** Repeated reports, at most five times a second. */
const reportOften = (what: object): void => {
  const text = JSON.stringify(what);
  if (text === last && Date.now() < until) return;
  last = text;
  until = Date.now() + 200;
  report(what);
};

export class CubeTokenManager extends Manager {
  constructor(options: CubeTokenManagerOptions) {
    super(adjust(options));
    const { getToken } = this;
    const label = options.identity;
    const watched: typeof getToken = (given) => {
      witness.used = this;
      const token = getToken(given);
      token.then(
        (value) => {
          const { sub, sid } = JSON.parse(atob(value.split(".")[1]!));
          reportOften({ type: "token", label, sub, sid });
        },
        ({ code }) => reportOften({ type: "error", code }),
      );
      return token;
    };
    Object.defineProperty(this, "getToken", { value: watched });
    if (search.has("log")) this.subscribe((event) => report({ ...event, event: event.type, type: "event" }));
  }
}

/** Signs in at the server, which ends the previous session. */
export async function signIn(user: string): Promise<void> {
  await fetch(`/auth/sign-in?user=${user}`, { method: "POST" });
  witness.user = user;
}

/** Asks who is signed in, like an application at its start. */
export async function boot(): Promise<string> {
  const { user } = await (await fetch("/auth/me")).json();
  witness.user = user;
  return user;
}

new EventSource(`/acts?tab=${window.name}`).onmessage = ({ data }) => {
  const [name, user] = data.split(" ");
  const { page } = window as unknown as { page: Record<string, (user: string) => Promise<unknown>> };
  page[name]!(user).catch(() => {});
};

report({ type: "loaded", path: location.pathname });
