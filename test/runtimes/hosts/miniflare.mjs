/** Runs worker.js in workerd: the scenario, and a manager at module level. Run by Node in the project's folder. */
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";

const { COMPATIBILITY_DATE, URL_OF_SERVER: url, RUN: run } = process.env;
const miniflare = new Miniflare({
  modules: true,
  script: readFileSync("worker.js", "utf8"),
  compatibilityDate: COMPATIBILITY_DATE,
  bindings: { url },
});
const ask = async (path) => {
  const response = await miniflare.dispatchFetch(`http://worker${path}`, {
    signal: AbortSignal.timeout(40_000),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${answer.error}`);
  return answer;
};
const sleep = (ms) => new Promise((go) => setTimeout(go, ms));

try {
  await ask(`/scenario?run=${run}`);
  // Tokens of five seconds: some requests find a stale one, start a refresh and end during it. The next one waits until
  // that refresh must have ended (its timeout of a second, and five for late timers), then sends its own request.
  const end = Date.now() + 20_000;
  let seen;
  while (Date.now() < end) {
    const startedAt = Date.now();
    seen = await ask("/shared");
    if (seen.exp * 1000 <= Date.now()) throw new Error("A dead token.");
    if (Date.now() - startedAt > 8000) throw new Error(`A request took ${Date.now() - startedAt} ms.`);
    await sleep(700);
  }
  if (seen.requests < 8) throw new Error(`Only ${seen.requests} requests.`);
} finally {
  await miniflare.dispose();
}
