import { describe, expect, it, vi } from "vitest";
import { type Core, update } from "../../../src/core/dispatch.js";
import { ended } from "../../../src/core/sign-out.js";
import { empty } from "../../../src/core/state.js";
import { state } from "./states.js";

const core = (phase: "active" | "superseded" | "disposed") =>
  ({ ...(phase === "active" ? state() : empty(phase, 0)), changed: vi.fn() }) as unknown as Core;

it("a change is applied and reported", () => {
  const active = core("active");
  update(active, { failures: 1 });
  expect(active.failures).toBe(1);
  expect(active.changed).toHaveBeenCalledTimes(1);
});

describe.each(["superseded", "disposed"] as const)("a manager that is %s", (phase) => {
  it("ignores late changes", () => {
    const over = core(phase);
    update(over, { held: state().held, failures: 1 });
    expect(over).toMatchObject({ phase, held: undefined, failures: 0 });
    expect(over.changed).not.toHaveBeenCalled();
  });

  it("can still be disposed", () => {
    const over = core(phase);
    update(over, empty("disposed", 5));
    expect(over).toMatchObject({ phase: "disposed", clearedAt: 5 });
    expect(over.changed).toHaveBeenCalledTimes(1);
  });
});

it.each([
  ["disposed", "ERR_DISPOSED", /was disposed/],
  ["superseded", "ERR_CLEARED", /Another user signed in/],
  ["idle", "ERR_CLEARED", /Signed out while waiting/],
] as const)(
  "a call that waited for a manager that is now %s rejects with the reason",
  (phase, code, message) => {
    expect(ended({ phase })).toMatchObject({ code, message: expect.stringMatching(message) });
  },
);
