// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import { abort, abortable, onAbort, reasonOf, throwIfAborted } from "../../src/core/abort.js";
import { create } from "../support/setup.js";

describe("a reason", () => {
  it("is that of the first abort", () => {
    const controller = new AbortController();
    expect(() => throwIfAborted(controller.signal)).not.toThrow();
    abort(controller, "first");
    abort(controller, "second");
    expect(reasonOf(controller.signal)).toBe("first");
    expect(() => throwIfAborted(controller.signal)).toThrow("first");
  });

  it("is available when a listener is called", () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    onAbort(controller.signal, () => reasons.push(reasonOf(controller.signal)));
    abort(controller, "x");
    onAbort(controller.signal, () => reasons.push(reasonOf(controller.signal)));
    expect(reasons).toEqual(["x", "x"]);
  });
});

describe("listeners of one signal", () => {
  it("share one listener, removed with the last of them", () => {
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, "addEventListener");
    const remove = vi.spyOn(signal, "removeEventListener");
    for (let round = 1; round <= 2; round++) {
      const ends = Array.from({ length: 20 }, () => onAbort(signal, () => {}));
      expect(add).toHaveBeenCalledTimes(round);
      for (const end of ends) {
        expect(remove).toHaveBeenCalledTimes(round - 1);
        end();
        end();
      }
      expect(remove).toHaveBeenCalledTimes(round);
    }
  });

  it("are each called once, except those that have ended", () => {
    const controller = new AbortController();
    const called: string[] = [];
    onAbort(controller.signal, () => called.push("a"));
    const end = onAbort(controller.signal, () => called.push("b"));
    onAbort(controller.signal, () => called.push("c"));
    end();
    controller.abort();
    controller.abort();
    expect(called).toEqual(["a", "c"]);
  });

  it("reject pending promises, and leave settled ones alone", async () => {
    const controller = new AbortController();
    const done = abortable(Promise.resolve(1), controller.signal);
    const waiting = abortable(new Promise(() => {}), controller.signal, () => "mine").catch((error) => error);
    expect(await done).toBe(1);
    controller.abort();
    expect(await waiting).toBe("mine");
  });
});

it("a hundred calls with one signal cause no leak warning of Node", async () => {
  const warnings: string[] = [];
  const listen = ({ name }: Error) => warnings.push(name);
  process.on("warning", listen);
  let answer = (_: string) => {};
  const manager = create({ fetchToken: () => new Promise<string>((resolve) => (answer = resolve)) });
  const controller = new AbortController();
  const calls = Array.from({ length: 100 }, () => manager.getToken({ signal: controller.signal }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  answer("t");
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["t"]));
  const aborted = Array.from({ length: 100 }, () =>
    manager.getToken({ signal: controller.signal, forceRefresh: true }).catch((error) => error.code),
  );
  controller.abort();
  expect(new Set(await Promise.all(aborted))).toEqual(new Set(["ERR_ABORTED"]));
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("warning", listen);
  expect(warnings).toEqual([]);
});
