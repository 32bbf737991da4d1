import { createRequire } from "node:module";

/**
 * Stands in for the few functions of Cube's Rust binary that a query needs.
 *
 * `@cubejs-backend/native` downloads that binary when it is installed; without it the server does not start. The functions
 * below shape results and write logs: authentication, model, planner and queue are Cube's own JavaScript. The functions are
 * set on the module in memory; node_modules stays unchanged. If the binary is installed, it is used.
 */
export function standInForNative() {
  const native = createRequire(import.meta.url)("@cubejs-backend/native");
  try {
    native.loadNative();
    return false;
  } catch {
    // No binary: set the functions below.
  }
  native.setupLogger = () => {};
  native.redactSqlLiterals = (sql) => sql;
  native.NativeInstance.prototype.newJinjaEngine = () => ({});
  native.getFinalQueryResult = async (transformData, rows, result) =>
    encode(finalResult(transformData, rows, result));
  native.getFinalQueryResultMulti = async (transformDatas, buffers, response) => {
    const results = transformDatas.map((data, index) =>
      finalResult(data, buffers[index], response.results[index]),
    );
    const pivotQuery = { ...results[0].query, queryType: response.queryType };
    return encode({ ...response, results, pivotQuery });
  };
  return true;
}

const encode = (value) => new TextEncoder().encode(JSON.stringify(value)).buffer;

/** `rows` holds the driver's columns as JSON; the API returns rows by member name, with times as ISO without a zone. */
function finalResult({ aliasToMemberNameMap, annotation }, rows, result) {
  const { members, columns } = JSON.parse(Buffer.from(rows).toString());
  const data = (columns[0] ?? []).map((_, row) =>
    Object.fromEntries(
      members.map((alias, column) => {
        const member = aliasToMemberNameMap[alias] ?? alias;
        const value = columns[column][row];
        return [member, isTime(annotation, member) && value ? isoTime(value) : value];
      }),
    ),
  );
  return { ...result, data };
}

const isTime = (annotation, member) => {
  const name = member.split(".").slice(0, 2).join(".");
  return (annotation?.[member] ?? annotation?.[name])?.type === "time";
};

const isoTime = (value) =>
  new Date(/Z|[+-]\d\d:?\d\d$/.test(value) ? value : `${value}Z`).toISOString().slice(0, -1);
