import { describe, expect, it } from "vitest";
import { readNews } from "../../src/tabs/messages.js";

const HOUR = 3_600_000;
const sender = { v: 1, age: 5, at: Date.now() };
const good: Record<string, object> = {
  started: { type: "started" },
  refreshed: { type: "refreshed" },
  cleared: { type: "cleared" },
  unchanged: { type: "unchanged", draw: 1.5 },
  invalidated: { type: "invalidated", draw: 0, failures: 1, wait: HOUR },
  failed: { type: "failed", failures: 3, wait: 0, code: "ERR_HTTP_STATUS", status: 503, retryAfter: 1000 },
};

/** The range of each number; this package's tabs send nothing else. */
const numbers: Record<string, { types: string[]; fits: number[]; beyond: number[] }> = {
  age: { types: Object.keys(good), fits: [0, -0, 0.5, 3e10], beyond: [1e13] },
  at: { types: Object.keys(good), fits: [0, 1.7e12, 8.64e15], beyond: [8.65e15] },
  draw: { types: ["unchanged", "invalidated"], fits: [0, -0, 2], beyond: [2.001, 3] },
  failures: { types: ["invalidated", "failed"], fits: [0, 1, 1000], beyond: [1e9] },
  wait: { types: ["invalidated", "failed"], fits: [0, 0.5, HOUR], beyond: [HOUR + 1, 1e13] },
  status: { types: ["failed"], fits: [100, 429, 599], beyond: [0, 99, 600] },
  retryAfter: { types: ["failed"], fits: [0, HOUR], beyond: [HOUR + 1, 1e12, 8.65e15] },
};

describe("a message of another tab", () => {
  it.each(Object.entries(good))("is accepted: %s", (_, news) => {
    const data = { ...sender, ...news };
    expect(readNews(data)).toBe(data);
    expect(readNews({ ...data, identity: "ada" })).toBeDefined();
  });

  for (const [name, { types, fits, beyond }] of Object.entries(numbers)) {
    for (const type of types) {
      const data = { ...sender, ...good[type] };
      it.each(fits)(`is accepted with ${name} %s: ${type}`, (value) => {
        expect(readNews({ ...data, [name]: value })).toBeDefined();
      });

      it.each([
        ...beyond,
        Number.NaN,
        Infinity,
        -Infinity,
        1e308,
        -1e308,
        -1,
        2 ** 53 * 1000,
        "1",
        null,
        true,
        1n,
        {},
        [],
      ])(`is ignored with ${name} %s: ${type}`, (value) => {
        expect(readNews({ ...data, [name]: value })).toBeUndefined();
      });
    }
  }

  it.each([
    ["started", "age"],
    ["started", "at"],
    ["cleared", "at"],
    ["unchanged", "draw"],
    ["failed", "failures"],
    ["failed", "wait"],
    ["failed", "code"],
    ["invalidated", "wait"],
  ])("is ignored if a %s has no %s", (type, name) => {
    expect(readNews({ ...sender, ...good[type], [name]: undefined })).toBeUndefined();
  });

  it.each([
    "ERR_NETWORK",
    "ERR_TIMEOUT",
    "ERR_SOURCE",
    "ERR_HTTP_STATUS",
    "ERR_UNAUTHENTICATED",
    "ERR_FORBIDDEN",
    "ERR_INVALID_RESPONSE",
    "ERR_INVALID_TOKEN",
    "ERR_TOKEN_EXPIRED",
  ])("may contain the code %s", (code) => {
    expect(readNews({ ...sender, ...good.failed, code })).toBeDefined();
  });

  it.each([
    "ERR_ABORTED",
    "ERR_CLEARED",
    "ERR_DISPOSED",
    "ERR_",
    "ERR_SECRET",
    "ERR_NETWORK\n",
    "xERR_NETWORK",
    "toString",
    "",
    7,
    null,
    ["ERR_NETWORK"],
  ])("is ignored with the code %s", (code) => {
    expect(readNews({ ...sender, ...good.failed, code })).toBeUndefined();
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a text", "started"],
    ["another version", { ...sender, v: 2, type: "started" }],
    ["an unknown type", { ...sender, type: "toString" }],
    ["an invalid identity", { ...sender, type: "started", identity: 7 }],
    ["a null identity", { ...sender, type: "started", identity: null }],
  ])("is ignored if it has %s", (_, data) => {
    expect(readNews(data)).toBeUndefined();
  });
});
