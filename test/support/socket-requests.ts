import type { CubeTransport } from "../../src/index.js";

// biome-ignore lint/suspicious/noExplicitAny: results pass through unchanged.
type Result = any;

/** Sends a request over a wrapped transport and collects its answers; repeats it while `repeats` returns true. */
export function sendOver(
  transport: Pick<CubeTransport, "request">,
  method = "load",
  params: Record<string, unknown> = { query: "q" },
  repeats: (answer: Result) => boolean = () => method === "subscribe",
) {
  const answers: Result[] = [];
  const request = transport.request(method, params);
  request
    .subscribe(async (result: Result, again: () => Promise<unknown>) => {
      answers.push(
        result.error
          ? { error: result.error }
          : { status: result.status, ...JSON.parse(await result.text()) },
      );
      return repeats(answers.at(-1)) ? again() : answers.at(-1);
    })
    .catch((error: unknown) => answers.push({ thrown: error }));
  return { answers, request };
}
