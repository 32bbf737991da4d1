import { element } from "./dom.js";
import type { Mark } from "./history.js";
import { clockTime } from "./wording.js";

/** The newest come first; the oldest of more than this go. */
export const MAX_ENTRIES = 100;

export function createLog() {
  // Whoever has no mouse scrolls it by keyboard, once it has the focus.
  const list = element("ol", { tabindex: "0", "aria-label": "Log, newest first" });
  const add = ({ lane, text, from }: Mark): void => {
    const time = element("time", { datetime: new Date(from).toISOString() }, clockTime(from));
    list.prepend(element("li", { "data-lane": lane }, time, element("i"), element("span", {}, text)));
    if (list.children.length > MAX_ENTRIES) list.lastChild?.remove();
  };
  return { list, add };
}
