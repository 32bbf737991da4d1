import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, it, vi } from "vitest";
import { CubeTokenError, CubeTokenManager, customStorage, tokenFromCookies } from "../../src/index.js";
import { readRecord } from "../../src/storage/record.js";
import { readNews } from "../../src/tabs/messages.js";
import { jwt } from "../support/jwt.js";
import { USER_AGENT } from "../support/tabs.js";

/*
 * Every number from outside, at the ends of its range and beyond: 75,000 inputs. Each is refused or made harmless where
 * it enters: afterwards, the manager serves a valid token within its bounds, and asks no faster.
 */

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const NOW = Date.UTC(2026, 2, 1, 12);
const SECOND = 1000;
const HOUR = 3_600_000;

const edges = [
  ...[Number.NaN, Infinity, -Infinity, 1e308, -1e308, 0, -0, 1, -1, 0.001, 1e-9],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 53, -(2 ** 53), 8.64e15, 8.64e15 + 1, NOW, -NOW, NOW / 1000, NOW + 1e12],
];
const extreme = fc.oneof(fc.constantFrom(...edges), fc.double());
/** As in JSON and headers: also as text. */
const written = fc.oneof(
  extreme,
  extreme.map(String),
  fc.constantFrom("", "soon", "1e999", "-", "0x10", null, {}, [], true),
);

it("options: 20,000 numbers are accepted, or refused with a TypeError", () => {
  const names = ["refreshBefore", "minValidity", "refreshJitter", "requestTimeout", "retries"] as const;
  fc.assert(
    fc.property(fc.constantFrom(...names), written, (name, value) => {
      const isTaken = typeof value === "number" && Number.isFinite(value) && value >= 0;
      try {
        new CubeTokenManager({ endpoint: "/token", [name]: value });
        assert(isTaken);
      } catch (error) {
        assert(error instanceof TypeError && error.message.includes(name));
        assert(!isTaken || name === "refreshJitter" || name === "retries" || value > Number.MAX_SAFE_INTEGER);
      }
    }),
    { numRuns: 20_000 },
  );
});

const recordFields = ["at", "ahead", "draw", "madeAt", "since", "expiresAt"] as const;
const newsFields = ["age", "at", "failures", "wait", "draw", "status", "retryAfter"] as const;
const good = (lifetime = 7200) => jwt({ iat: NOW / 1000, exp: NOW / 1000 + lifetime });
const record = (more: object = {}) =>
  JSON.stringify({ v: 1, token: good(), at: NOW, ahead: 0, draw: 0.5, madeAt: NOW, since: NOW, ...more });
const news = (more: object = {}) => ({
  ...{ v: 1, type: "failed", age: 10, at: NOW, failures: 1, wait: 1000, draw: 0.5, code: "ERR_NETWORK" },
  ...more,
});

it("records, messages and cookies: what is read from 35,000 contains only numbers that this package writes", () => {
  const areSane = (read: object | undefined, fields: readonly string[]) => {
    for (const name of fields) {
      const value = (read as Record<string, unknown> | undefined)?.[name];
      if (value !== undefined) assert(Number.isFinite(value) && Math.abs(value as number) <= 8.64e15, name);
    }
  };
  fc.assert(
    fc.property(
      fc.constantFrom(...recordFields),
      fc.constantFrom(...newsFields),
      written,
      (field, other, value) => {
        areSane(readRecord(record({ [field]: value })), recordFields);
        const heard = readNews(news({ [other]: value }));
        areSane(heard, newsFields);
        // This package's tabs never send more than an hour.
        if (heard?.type === "failed") assert(heard.wait <= HOUR && (heard.retryAfter ?? 0) <= HOUR);
        tokenFromCookies(`k=${String(value)}.a.b.c; k+1=${String(value)}`, { storageKey: "k" });
      },
    ),
    { numRuns: 35_000 },
  );
});

/** The globals that make a test world a tab. */
function tab() {
  let hear: ((event: { data: unknown }) => void) | undefined;
  vi.stubGlobal("document", {});
  vi.stubGlobal("navigator", { userAgent: USER_AGENT });
  vi.stubGlobal(
    "BroadcastChannel",
    class {
      set onmessage(listener: typeof hear) {
        hear = listener;
      }
      postMessage() {}
      close() {}
    },
  );
  return (data: unknown) => hear?.({ data });
}

/** One poisoned number, on each of its paths. */
type Way =
  | "age"
  | "date"
  | "retry-after"
  | "expires_in"
  | "exp"
  | "iat"
  | "nbf"
  | "error"
  | "record"
  | "news";
const ways: Way[] = [
  "age",
  "date",
  "retry-after",
  "expires_in",
  "exp",
  "iat",
  "nbf",
  "error",
  "record",
  "news",
];

/** Whether Cube would accept it, by the server's time. */
function accepts(token: string): boolean {
  if (!token.includes(".")) return true;
  const { exp, nbf } = JSON.parse(atob(token.split(".")[1] ?? ""));
  const now = Date.now() / 1000;
  return (exp === undefined || exp > now) && (nbf === undefined || nbf <= now);
}

it("after each of 20,000, a manager serves a valid token within its bounds, and keeps its pace", async () => {
  vi.useFakeTimers();
  const say = tab();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ways),
      written,
      fc.constantFrom(...recordFields),
      fc.constantFrom(...newsFields),
      async (way, value, field, other) => {
        vi.setSystemTime(NOW);
        const requests: number[] = [];
        const healthy = () =>
          jwt({
            n: requests.length,
            iat: Math.floor(Date.now() / 1000),
            exp: Math.floor(Date.now() / 1000) + 7200,
          });
        const poisoned = (): [token: unknown, init?: ResponseInit] => {
          const header = value === null || typeof value === "object" ? "" : String(value);
          switch (way) {
            case "age":
            case "date":
              return [{ token: healthy() }, { headers: { date: new Date().toUTCString(), [way]: header } }];
            case "retry-after":
              return [{}, { status: 503, headers: { "retry-after": header } }];
            case "expires_in":
              return [{ token: "opaque", expires_in: value }];
            case "exp":
            case "iat":
            case "nbf":
              return [{ token: jwt({ iat: NOW / 1000, exp: NOW / 1000 + 7200, [way]: value }) }];
            default:
              return [{ token: healthy() }];
          }
        };
        const fetchToken = async () => {
          requests.push(Date.now());
          if (requests.length > 1) return healthy();
          throw new CubeTokenError("ERR_HTTP_STATUS", "down", {
            status: value as number,
            retryAfter: value as number,
          });
        };
        const fetch = async () => {
          requests.push(Date.now());
          const [body, init] = requests.length > 1 ? [{ token: healthy() }] : poisoned();
          return Response.json(body, init);
        };
        const storage = customStorage(
          {
            getItem: () => (way === "record" ? record({ [field]: value }) : null),
            setItem() {},
            removeItem() {},
          },
          { shared: true },
        );
        const tokens = new CubeTokenManager({
          ...(way === "error" ? { fetchToken } : { endpoint: "/token", fetch }),
          ...((way === "record" || way === "news") && { storage, storageKey: "k" }),
          retries: 0,
        } as ConstructorParameters<typeof CubeTokenManager>[0]);
        try {
          const first = tokens.getToken();
          assert(first instanceof Promise);
          first.catch(() => {});
          await vi.advanceTimersByTimeAsync(0);
          if (way === "news") say(news({ [other]: value }));
          // Half of the time with calls, half without; a source may ask for a pause of at most an hour.
          for (let call = 0; call < 6; call++) {
            tokens.getToken().catch(() => {});
            await vi.advanceTimersByTimeAsync(10 * SECOND);
          }
          await vi.advanceTimersByTimeAsync(HOUR);
          const { expiresAt, refreshAt } = tokens.getSnapshot();
          for (const instant of [expiresAt, refreshAt]) {
            if (instant !== undefined) new Date(instant).toISOString();
          }
          assert(accepts(await tokens.getToken()), "a token that Cube accepts");
          const minute = (from: number) =>
            requests.filter((at) => at >= from && at < from + 60 * SECOND).length;
          for (const at of requests) assert(minute(at) <= (at === requests[0] ? 10 : 6), "the pace");
        } finally {
          tokens.dispose();
        }
      },
    ),
    { numRuns: 20_000 },
  );
});
