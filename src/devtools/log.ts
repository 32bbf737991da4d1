import { element } from "./dom.js";
import type { Mark } from "./history.js";
import { clockTime } from "./wording.js";

/** Beyond this, the oldest entries are dropped. */
export const MAX_ENTRIES = 100;

export function createLog() {
  // Focusable, so that it can be scrolled by keyboard.
  const list = element("ol", { tabindex: "0", "aria-label": "Log, newest first" });
  const add = ({ lane, text, from }: Mark): void => {
    const time = element("time", { datetime: new Date(from).toISOString() }, clockTime(from));
    list.prepend(element("li", { "data-lane": lane }, time, element("i"), element("span", {}, text)));
    if (list.children.length > MAX_ENTRIES) list.lastChild?.remove();
  };
  return { list, add };
}
