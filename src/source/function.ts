import { stopwatch } from "../core/stopwatch.js";
import { readToken } from "../core/token.js";
import { CubeTokenError, isRetryable } from "../errors.js";
import { readShape } from "./answer.js";
import { toTokenError } from "./failure.js";
import type { Answer, Attempt, FetchTokenResult, Source, SourceContext } from "./source.js";

/** A call is abandoned after this, or after six times `requestTimeout` if that is longer (ms). */
const MIN_PATIENCE = 60_000;
/** A late answer is kept for at most this share of its token's lifetime. */
const KEEP = 1 / 4;

/** A call of `fetchToken`: in flight, or settled with an outcome that no attempt has used yet. */
interface Call {
  readonly answer: Promise<Answer>;
  readonly passed: ReturnType<typeof stopwatch>;
  readonly attempt: Attempt;
  /** How long it took, in ms. */
  took?: number;
}

function readResult(result: FetchTokenResult): Answer {
  if (result == null) {
    throw new CubeTokenError("ERR_UNAUTHENTICATED", `fetchToken returned ${result}: signed out.`);
  }
  return result === "" ? { token: null } : readShape(result);
}

/** Whether a call ended because its own attempt timed out. */
const isAborted = ({ code, cause }: CubeTokenError): boolean =>
  code === "ERR_TIMEOUT" || (cause as Error | undefined)?.name === "AbortError";

/** Whether `old` began before a forced refresh, which needs a newer answer. */
const precedes = (old: Attempt, { refresh, force }: Attempt): boolean =>
  force && !(old.force && old.refresh === refresh);

/**
 * Adjusts an answer for its age: `expires_in` counts from the call. Returns `undefined` if it is too old.
 *
 * @param lag how long before this attempt the call began. @param kept how long ago it was answered. Both in ms.
 */
function age(answer: Answer, lag: number, kept: number): Answer | undefined {
  if (!lag) return answer;
  const { token, expiresIn = Infinity } = answer;
  const { exp, iat = 0 } = token ? readToken(token) : {};
  if (kept > Math.max(0, KEEP * (exp === undefined ? expiresIn : exp - iat))) return undefined;
  return exp === undefined && expiresIn < Infinity
    ? { ...answer, expiresIn: Math.max(0, expiresIn - lag) }
    : answer;
}

/**
 * A source that calls the application's `fetchToken`.
 *
 * A call that continues past its timeout is not made twice, because that can end the session: reusing a rotated refresh
 * token revokes it (RFC 9700 §4.14.2). The next attempt waits for the same call, and accepts a late answer.
 */
export function functionSource(fetchToken: (context: SourceContext) => Promise<FetchTokenResult>): Source {
  let last: Call | undefined;

  function begin(attempt: Attempt): Call {
    const { context } = attempt;
    attempt.onRequest?.();
    const passed = stopwatch();
    const answer = (async () => readResult(await fetchToken(context)))().catch((error) => {
      throw toTokenError(error, "ERR_SOURCE", "fetchToken failed, see the cause.");
    });
    const call: Call = { answer, passed, attempt };
    // fetchToken may have signed out already.
    if (!context.signal.aborted) last = call;
    const settle = (error?: CubeTokenError) => {
      call.took = passed().longest;
      // A retryable failure is not kept for the next attempt. (An aborted signal causes one, too.)
      if (error && last === call && isRetryable(error)) last = undefined;
    };
    answer.then(() => settle(), settle);
    return call;
  }

  async function ask(attempt: Attempt): Promise<Answer> {
    const { context, timeout } = attempt;
    const patience = Math.max(MIN_PATIENCE, 6 * timeout);
    const isDead = ({ passed, took }: Call) => {
      const { longest } = passed();
      return (took ?? longest) > patience || (took !== undefined && longest - took > patience);
    };
    for (let mayWait = true; ; mayWait = false) {
      const old = mayWait && last && !isDead(last) ? last : undefined;
      const call = old ?? begin(attempt);
      const lag = old ? call.passed().longest : 0;
      const isTooOld = !!old && precedes(old.attempt, attempt);
      try {
        const answer = await call.answer;
        const current = age(answer, lag, lag - call.took!);
        if (context.signal.aborted || !mayWait) return answer;
        if (current && !isTooOld && !isDead(call)) return current;
      } catch (error) {
        // The old call was aborted by its own timeout, a little late: this attempt has not failed.
        if (context.signal.aborted || !old || !(isTooOld || isAborted(error as CubeTokenError))) throw error;
      } finally {
        if (last === call && !context.signal.aborted) last = undefined;
      }
    }
  }

  return {
    ask,
    forget() {
      last = undefined;
    },
  };
}
