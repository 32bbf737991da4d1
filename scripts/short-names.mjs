import { transform } from "esbuild";

/**
 * Properties that nobody but the manager itself sees: no option, snapshot, event, error, message or stored record has
 * one of these names. Minifiers leave properties alone, so they are made short here, in all files alike: what one copy of
 * the package makes the other takes (`import` and `require`, a script tag beside a bundle). New ones go to the end, for
 * the same reason; and none that is written in quotes anywhere (`"name" in value`), for it stays as it is there.
 */
export const internal = [
  ..."held elapsed retryAt refused core callAt verdict heeds sameTask mono peers aloneAt calm askedAt".split(
    " ",
  ),
  ..."longest inTurn usableUntil refusals proven certain hurry watchdogs queued isDate".split(" "),
  ..."failingSince skips earliest firstAt isCallingSource latest awake lookUp lookUpTwice".split(
    " ",
  ),
  ..."phase atLeast clearedAt distrust learn offered stage changed isShared hasFailed recallNow".split(" "),
];

/** `u` and `v` are the names of a claim and of a version. */
const letters = "etnirosalcdhmfpgbywxkqjzETNIROSALCDHMFPGBYWXKQJZ";

const options = {
  mangleProps: new RegExp(`^(${internal.join("|")})$`),
  mangleCache: Object.fromEntries(internal.map((name, index) => [name, letters[index]])),
};

/** For rollup: of our own modules alone. */
export const shortNames = {
  name: "short-names",
  transform: async (code, id) =>
    id.includes("node_modules") ? null : { code: (await transform(code, options)).code, map: null },
};
