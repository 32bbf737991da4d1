import type { TokenSnapshot } from "../types.js";
import { element, setStyle, write } from "./dom.js";
import { claim, duration } from "./wording.js";

/** The token's current state: a countdown, a bar of its lifetime, the last error and the claims. */
export function createTokenPanel() {
  const left = element("b");
  const label = element("span");
  const due = element("p", { class: "due" });
  const zone = element("i", { class: "zone" });
  const lived = element("i", { class: "lived" });
  const life = element("div", { class: "life", "aria-hidden": "true" }, zone, lived);
  const error = element("p", { class: "error", role: "status" });
  const claims = element("dl");
  const none = element("p", { class: "due" }, "None.");
  const panel = element(
    "div",
    {},
    element("p", { class: "left", role: "timer" }, left, label),
    life,
    due,
    error,
    element("h3", {}, "Claims (not verified)"),
    claims,
    none,
  );
  let shown: TokenSnapshot["claims"];

  /** @param now on the server's clock. */
  const draw = (snapshot: TokenSnapshot, now: number): void => {
    const { status, expiresAt, refreshAt = Infinity, refreshing } = snapshot;
    const remains = (expiresAt ?? 0) - now;
    const isLive = status === "fresh" || status === "stale";
    write(left, isLive && expiresAt ? duration(Math.ceil(Math.max(0, remains) / 1000) * 1000) : "–");
    write(
      label,
      !isLive
        ? status === "empty"
          ? "no token"
          : "expired"
        : expiresAt
          ? "until it expires"
          : "never expires",
    );
    const dueIn = Math.ceil(Math.max(0, refreshAt - now) / 1000) * 1000;
    write(
      due,
      refreshing
        ? "Refreshing…"
        : isLive && refreshAt < Infinity
          ? `Refresh ${dueIn ? `due in ${duration(dueIn)}` : "due"}`
          : "",
    );
    const { iat } = snapshot.claims ?? {};
    const begun = typeof iat === "number" ? iat * 1000 : Infinity;
    const whole = (expiresAt ?? 0) - begun;
    life.hidden = !(whole > 0);
    lived.dataset.status = status;
    if (whole > 0) {
      const share = (part: number) => `${Math.min(100, Math.max(0, (100 * part) / whole))}%`;
      setStyle(zone, "left", share(refreshAt - begun));
      setStyle(lived, "width", share(status === "expired" ? whole : now - begun));
    }
    write(error, snapshot.error ? `${snapshot.error.code}: ${snapshot.error.message}` : "");
    if (snapshot.claims !== shown) {
      shown = snapshot.claims;
      claims.replaceChildren(
        ...Object.entries(shown ?? {}).flatMap(([name, value]) => [
          element("dt", {}, name),
          element("dd", {}, claim(name, value)),
        ]),
      );
      none.hidden = claims.children.length > 0;
    }
  };
  return { panel, draw };
}
