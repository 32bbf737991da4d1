import type { TokenSnapshot } from "../types.js";
import { element, setStyle, write } from "./dom.js";
import { LANES, type Mark } from "./history.js";
import { duration, withoutTokens } from "./wording.js";

const SHORTEST = 90_000;
const LONGEST = 3_600_000;

/** The time span shown, in ms: three lifetimes of the token, within limits. */
function spanOf({ expiresAt, claims }: TokenSnapshot): number {
  const life = (expiresAt ?? 0) - Number(claims?.iat) * 1000;
  return Math.min(LONGEST, Math.max(SHORTEST, 3 * Math.round(life / 1000) * 1000 || 0));
}

/** Marks in lanes, with now at the right end. An image to a screen reader: the log has the same in words. */
export function createTimeline() {
  const tracks = LANES.map((lane) => element("div", { class: "track", "data-lane": lane }));
  const ticks = [0, 1, 2].map(() => element("span"));
  const image = element(
    "div",
    { class: "timeline", role: "img" },
    ...LANES.flatMap((lane, index) => [element("span", { class: "lane" }, lane), tracks[index]!]),
    element("span"),
    element("div", { class: "ticks" }, ...ticks),
  );
  const bars = new Map<Mark, HTMLElement>();

  const draw = (marks: readonly Mark[], snapshot: TokenSnapshot, now: number): void => {
    const span = spanOf(snapshot);
    for (const [mark, bar] of bars) {
      if (marks.includes(mark) && mark.to > now - span) continue;
      bar.remove();
      bars.delete(mark);
    }
    const place = (at: number) => Math.min(100, Math.max(0, 100 - (100 * (now - at)) / span));
    for (const mark of marks) {
      if (mark.to <= now - span) continue;
      let bar = bars.get(mark);
      if (!bar) {
        bar = element("i", { title: withoutTokens(mark.text) });
        bars.set(mark, bar);
        tracks[LANES.indexOf(mark.lane)]!.append(bar);
      }
      const from = place(mark.from);
      setStyle(bar, "left", `min(${from}%, 100% - 3px)`);
      setStyle(bar, "width", `${place(Math.min(mark.to, now)) - from}%`);
      bar.classList.toggle("open", mark.to === Infinity);
    }
    ticks.forEach((tick, index) => {
      write(tick, index < 2 ? `−${duration((span * (2 - index)) / 2)}` : "now");
    });
    const counts = LANES.map(
      (lane) => `${lane}: ${[...bars.keys()].filter((each) => each.lane === lane).length}`,
    );
    image.setAttribute("aria-label", `Timeline of the last ${duration(span)}. ${counts.join(", ")}.`);
  };
  return { image, draw };
}
