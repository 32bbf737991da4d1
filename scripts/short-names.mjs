import { transform } from "esbuild";

/**
 * The manager's internal properties: no option, snapshot, event, error, message or stored record has one of these names.
 * Minifiers do not rename properties, so this does, identically in all files: two copies of the package (`import` and
 * `require`, a script tag beside a bundle) exchange objects. For the same reason, add new names at the end. Do not add a
 * name that is quoted anywhere (`"name" in value`): quoted names are not renamed.
 */
export const internal = [
  ..."held elapsed retryAt refused core callAt verdict heeds sameTask mono peers aloneAt calm askedAt".split(
    " ",
  ),
  ..."longest inTurn usableUntil refusals proven certain hurry watchdogs queued isDate".split(" "),
  ..."failingSince skips earliest firstAt isCallingSource latest awake lookUp lookUpTwice".split(" "),
  ..."phase atLeast clearedAt distrust learn offered stage changed isShared hasFailed recallNow".split(" "),
];

/** Without `u` and `v`, which name a claim and a version. */
const letters = "etnirosalcdhmfpgbywxkqjzETNIROSALCDHMFPGBYWXKQJZ";

const options = {
  mangleProps: new RegExp(`^(${internal.join("|")})$`),
  mangleCache: Object.fromEntries(internal.map((name, index) => [name, letters[index]])),
};

/** A rollup plugin that renames them in our own modules only. */
export const shortNames = {
  name: "short-names",
  transform: async (code, id) =>
    id.includes("node_modules") ? null : { code: (await transform(code, options)).code, map: null },
};
