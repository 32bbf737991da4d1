// @vitest-environment node
import { createSecretKey } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import { adopt, isSame, receive } from "../../src/core/adopt.js";
import { fail } from "../../src/core/budget.js";
import { Clock } from "../../src/core/clock.js";
import { serve } from "../../src/core/serve.js";
import { empty, type State } from "../../src/core/state.js";
import type { Answer } from "../../src/source/source.js";
import { DAY, HOUR, MINUTE, SECOND } from "../support/world.js";

/**
 * Every combination of wrong clocks and issuers: the manager's own decisions, on arithmetic clocks and an arithmetic
 * endpoint, and Cube's own check of the tokens. Without timers and promises, thousands of situations take seconds.
 */

const START = Date.UTC(2026, 2, 1, 12) + 400;
const SECRET = createSecretKey("secret", "utf8");
const LIVES = [20, 300, 3600];
const LOCAL = [0, 10 * MINUTE, -10 * MINUTE, DAY, -DAY];
const DATE = [undefined, 0, 10 * MINUTE, -10 * MINUTE, HOUR, -HOUR];
const CLAIMS = ["iat", "no iat", "iat in ms", "iat past exp", "nbf", "iat and nbf", "expires_in"] as const;
const ISSUER = [
  "new tokens",
  "dated back by a fifth",
  "dated back by half",
  "an endpoint that caches",
  "a cache with Age",
  "a cache that renews Date",
  "the same token forever",
] as const;
const JUMP = ["none", "a day ahead", "a day back", "a day ahead and back", "a sleep"] as const;

interface Cell {
  readonly life: number;
  readonly local: number;
  readonly date: number | undefined;
  readonly claims: (typeof CLAIMS)[number];
  readonly issuer: (typeof ISSUER)[number];
  readonly jump: (typeof JUMP)[number];
}

const signed = new Map<string, string>();
/** Cached: signing takes longer than everything else, and the same tokens occur often. */
function sign(claims: object): string {
  const key = JSON.stringify(claims);
  const token = signed.get(key) ?? jsonwebtoken.sign(claims, SECRET, { noTimestamp: !("iat" in claims) });
  signed.set(key, token);
  return token;
}

/** Whether Cube accepts the token at that time, without tolerance. */
function accepts(token: string, at: number): boolean {
  try {
    jsonwebtoken.verify(token, SECRET, { algorithms: ["HS256"], clockTimestamp: Math.floor(at / SECOND) });
    return true;
  } catch {
    return false;
  }
}

/** An endpoint, as a function of the server's time. */
function endpoint({ life, date, claims, issuer }: Cell) {
  let kept: { claims: object; at: number; exp: number } | undefined;
  return (now: number): Answer => {
    const caches = /cache|same/.test(issuer);
    // A cache renews later than the manager asks: a fifth of the lifetime before the end.
    const isOver = !kept || (!issuer.startsWith("the same") && now >= kept.exp - (life * SECOND) / 5);
    if (!caches || isOver) {
      const back =
        { "dated back by a fifth": life / 5, "dated back by half": life / 2 }[issuer as string] ?? 0;
      const iat = Math.floor(now / SECOND) - back;
      const exp = iat + life;
      const named = {
        iat: { iat },
        "no iat": {},
        "iat in ms": { iat: now },
        "iat past exp": { iat: exp + 1 },
        nbf: { nbf: iat },
        "iat and nbf": { iat, nbf: iat },
        expires_in: {},
      }[claims];
      kept = { claims: { ...named, exp }, at: now, exp: exp * SECOND };
    }
    const { at, exp } = kept!;
    const hasAge = issuer.includes("a cache") && !issuer.includes("an endpoint");
    const age = hasAge ? Math.floor((now - at) / SECOND) * SECOND : 0;
    const stated = (issuer === "a cache with Age" ? at : now) + (date ?? 0);
    const earliest = Math.floor(stated / SECOND) * SECOND;
    return {
      token: sign(kept!.claims),
      // The remaining lifetime; a stored answer has that of its own time.
      ...(claims === "expires_in" && {
        expiresIn: exp - Math.floor((issuer === "an endpoint that caches" ? now : at) / SECOND) * SECOND,
      }),
      ...(date !== undefined && { date: { earliest, latest: earliest + SECOND, age } }),
    };
  };
}

interface Outcome {
  readonly requests: number;
  readonly dead: number;
  readonly errors: number;
  readonly served: number;
}

/** A chart that polls for a little more than four lifetimes. */
function live(cell: Cell): Outcome {
  const { life, local, jump } = cell;
  const options = { refreshBefore: 60_000, minValidity: 10_000, refreshJitter: 0 };
  let now = START;
  let wall = START + local;
  let mono = 0;
  const pass = (time: number, sleeps = false) => {
    now += time;
    wall += time;
    if (!sleeps) mono += time;
  };
  const clock = new Clock(
    () => wall,
    () => mono,
  );
  const answer = endpoint(cell);
  let state: State = empty("active", -Infinity);
  let requests = 0;
  let errors = 0;
  let served = 0;
  /** When each token was first and last served; if Cube accepts it at both times, it does in between. */
  const given = new Map<string, [first: number, last: number]>();
  const give = () => {
    served++;
    const { value } = state.held!.token;
    given.set(value, [given.get(value)?.[0] ?? now, now]);
  };
  /** As `attemptOnce()` does. */
  const ask = (): boolean => {
    requests++;
    state = { ...state, askedAt: clock.elapsed() };
    try {
      const said = answer(now);
      const received = receive(said, wall, wall);
      clock.learn(received.claims, said.date, isSame(state, received));
      const change = adopt({ ...state, options }, received, clock.read(), 0);
      state = { ...state, ...change, error: undefined } as State;
      return true;
    } catch (error) {
      const { wait: _, ...change } = fail(state, clock.read(), 0.5, clock.elapsed());
      state = { ...state, ...change, error } as State;
      return false;
    }
  };

  const step = (life * SECOND) / 30;
  for (let tick = 0; tick < 130; tick++) {
    if (tick === 45) {
      if (jump.startsWith("a day ahead")) wall += DAY;
      if (jump === "a day back") wall -= DAY;
      if (jump === "a sleep") pass(HOUR, true);
    }
    if (tick === 75 && jump.endsWith("and back")) wall -= DAY;
    const instant = clock.read();
    const service = serve(state, false, instant);
    if (service === "error") errors++;
    else if (service === "token") give();
    else if (service === "stale") {
      give();
      if (instant.elapsed >= state.retryAt) ask();
    } else if (state.callAt <= instant.elapsed) {
      if (ask()) give();
      else errors++;
    }
    pass(step);
  }
  const dead = [...given].filter(([token, times]) => !times.every((at) => accepts(token, at))).length;
  return { requests, dead, errors, served };
}

/** What a client can know from its witnesses: two that agree, otherwise `Date`, otherwise `iat`. */
type Knowable = "accepted" | "perhaps an error" | "nothing";

function knowable({ life, local, date, claims, issuer, jump }: Cell): Knowable {
  const tolerance = Math.max(30 * SECOND, (life * SECOND) / 4);
  const tellsIat = claims === "iat" || claims === "iat and nbf";
  const caches = /cache|same/.test(issuer);
  const isNew =
    (tellsIat && issuer === "new tokens") || (claims === "expires_in" && !issuer.startsWith("dated"));
  const isForEver = issuer === "the same token forever";
  const jumps = jump.startsWith("a day ahead");
  // A token seen before has expired by this clock: was the clock set, or did the machine sleep?
  const best =
    isForEver || (jumps && caches && (date !== 0 || issuer.endsWith("renews Date")))
      ? "perhaps an error"
      : "accepted";
  if (date === 0) return best;
  if (date !== undefined && date === local) return "nothing";
  if (date === undefined) return local === 0 || isNew ? best : "nothing";
  // One witness against another, or a slow Date that fits a token of unknown age.
  const isOutvoted = isNew || (tellsIat && local === 0 && (date > 0 || -date > life * SECOND + tolerance));
  return isOutvoted && (local === 0 || isNew) ? best : "nothing";
}

/** If the local clock is wrong anyway, few jumps are of interest; if two are wrong, little can be known. */
const isTelling = ({ local, date, issuer, jump }: Cell) =>
  local === 0 || (jump !== "a day back" && jump !== "a sleep" && (!date || issuer === "new tokens"));

const cells = LIVES.flatMap((life) =>
  LOCAL.flatMap((local) =>
    DATE.flatMap((date) =>
      CLAIMS.flatMap((claims) =>
        ISSUER.flatMap((issuer) => JUMP.map((jump): Cell => ({ life, local, date, claims, issuer, jump }))),
      ),
    ),
  ),
)
  .filter(isTelling)
  // Where nothing can be known, only the number of requests counts: a third of the cells is enough.
  .filter((cell, n) => knowable(cell) !== "nothing" || n % 3 === 0);

const name = ({ life, local, date, claims, issuer, jump }: Cell) =>
  `${life} s, local ${local / MINUTE} min, Date ${date === undefined ? "none" : `${date / MINUTE} min`}, ${claims}, ${issuer}, jump: ${jump}`;

const rights = new Map<string, number>();
/** The number of requests with correct clocks. */
function right(cell: Cell): number {
  const plain: Cell = { ...cell, local: 0, date: cell.date && 0, jump: "none" };
  const key = name(plain);
  const requests = rights.get(key) ?? live(plain).requests;
  rights.set(key, requests);
  return requests;
}

describe(`${cells.length} situations of a wrong clock`, () => {
  it.each(LIVES)(
    "tokens of %s s: serves only what Cube accepts, or an error where no client can know, within the request limit",
    { timeout: 60_000 },
    (life) => {
      const faults: string[] = [];
      for (const cell of cells.filter((one) => one.life === life)) {
        const known = knowable(cell);
        const { requests, dead, errors } = live(cell);
        const allowed = Math.floor(right(cell) * 1.5) + 1;
        // A source of expired tokens is treated as a failing one.
        const failing = known === "accepted" ? 0 : 10 + 3 * ((life * 13) / 180);
        const isDead = dead > 0 && known !== "nothing";
        const isRefused = errors > 0 && known === "accepted";
        if (isDead || isRefused || requests > allowed + failing) {
          const what = `${dead} expired, ${errors} errors, ${requests} requests of ${allowed}`;
          faults.push(`${name(cell)} (${known}): ${what}`);
        }
      }
      expect(faults.slice(0, 30), `${faults.length} faults`).toEqual([]);
    },
  );

  it("are thousands, and in most of them a client can determine the time", () => {
    const can = cells.filter((cell) => knowable(cell) !== "nothing");
    expect(cells.length).toBeGreaterThan(6000);
    expect(can.length / cells.length).toBeGreaterThan(0.7);
  });
});
