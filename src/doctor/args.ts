import { parseArgs } from "node:util";

export const USAGE =
  "Usage: cube-token-manager doctor --endpoint URL [--header 'Cookie: …'] [--cube URL] [--origin URL]";

export const HELP = `${USAGE}

  --endpoint  the URL that the page gets its token from
  --header    a header for the endpoint only, such as the session cookie; can be repeated
  --cube      Cube's API (https://example.com/cubejs-api/v1) or its WebSocket (wss://example.com)
  --origin    the page's origin, if it differs from the endpoint's`;

/** The parsed command line. */
export interface Asked {
  readonly endpoint: URL;
  /** Sent to the endpoint only. */
  readonly headers: Headers;
  readonly cube: URL | undefined;
  /** The page's origin. */
  readonly origin: string | undefined;
}

/** @throws {TypeError} if the value is not such a URL. The message never quotes it: it may be a secret. */
function readUrl(name: string, value: string | undefined, protocols: RegExp): URL | undefined {
  if (value === undefined) return undefined;
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new TypeError(`--${name} must be an absolute URL, with https://.`);
  }
  if (!protocols.test(url.protocol)) throw new TypeError(`--${name} must not be a ${url.protocol} URL.`);
  if (url.username || url.password)
    throw new TypeError(`--${name} must not contain a user name or password.`);
  return url;
}

/** @throws {TypeError} for invalid arguments. */
export function readArgs(args: string[]): Asked | "help" {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      endpoint: { type: "string" },
      header: { type: "string", multiple: true },
      cube: { type: "string" },
      origin: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  if (positionals.length !== 1 || positionals[0] !== "doctor")
    throw new TypeError("The only command is doctor.");
  const endpoint = readUrl("endpoint", values.endpoint, /^https?:$/);
  if (!endpoint) throw new TypeError("--endpoint is missing.");
  const headers = new Headers();
  for (const header of values.header ?? []) {
    const [, name = "", value = ""] = /^([^:]+):\s*(.+)$/s.exec(header) ?? [];
    try {
      headers.append(name, value);
    } catch {
      throw new TypeError("--header must be 'Name: value'.");
    }
  }
  return {
    endpoint,
    headers,
    cube: readUrl("cube", values.cube, /^(https?|wss?):$/),
    origin: readUrl("origin", values.origin, /^https?:$/)?.origin,
  };
}
