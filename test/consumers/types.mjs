/** TypeScript's errors in a project's files, except those in Cube's own types. */
export async function typeProblems({ run }, args) {
  const flags = ["--strict", "--skipLibCheck", "false", "--target", "es2020", "--lib", "es2020,dom"];
  try {
    await run("tsc", [...flags, ...args]);
    return "";
  } catch (error) {
    const lines = (error.stdout ?? "").split("\n").filter((line) => /error TS/.test(line));
    if (!lines.length) throw error;
    return lines.filter((line) => !line.startsWith("node_modules/@cubejs-client/")).join("\n");
  }
}
